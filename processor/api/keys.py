"""Keys over the API: made with a secret that is told once, listed without it, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from processor.api.documents import items_in, new_id
from processor.api.items import item_of
from processor.api.kinds import KEY
from processor.api.proto_json import to_names
from processor.catalog.changes import Change
from processor.catalog.records import Key, Kind, record_key
from processor.resources import SCOPES, TEXT_LENGTH_MAX, id_problem
from processor.rest.access import lacking
from processor.rest.json_body import refuse_unknown
from processor.rest.keys import sha256_of
from processor.rest.status import Code, Refused, combined, status
from processor.secrets import new_secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from processor.api.access import Caller
    from processor.api.documents import Answer
    from processor.api.writes import Planned, Writes
    from processor.catalog.store import Catalog
    from processor.rest.listing import Listing
    from processor.rest.view import CatalogView

PASSED_OVER = frozenset({"created_at", "status", "type"})


class Secrets(Protocol):
    """What `SecretStore` offers."""

    def put(self, user_id: str, app_id: str, key_id: str, secret: str) -> None:
        """Keep a secret."""

    def remove(self, user_id: str, app_id: str, key_id: str) -> None:
        """Forget it."""


class Keys:
    """What can be done with keys.

    Args:
        view: the catalog.
        writes: to it.
        secrets: where secrets are kept, for the sink to post with.
    """

    def __init__(self, view: CatalogView, writes: Writes, secrets: Secrets) -> None:
        self._view = view
        self._writes = writes
        self._secrets = secrets

    def post(self, caller: Caller, body: Mapping[str, Any]) -> Answer:
        """Make keys; their secrets are in this answer and nowhere else.

        Raises:
            Refused: the body holds no list of keys, or nothing could be written.
        """
        refuse_unknown(body, ("keys", "key", "user_app_id"))
        wanted = [_wanted(caller, item) for item in items_in(body, KEY)]
        made: dict[int, tuple[Key, str]] = {}

        def plan(catalog: Catalog, _: Listing, now: datetime) -> Planned:
            for position, key in enumerate(wanted):
                if isinstance(key, Key):
                    made[position] = _fresh(key, now)
                    taken = {record_key(other) for place, (other, _) in made.items() if place != position}
                    if catalog.get(Kind.KEY, record_key(key)) is not None or record_key(key) in taken:
                        wanted[position] = Refused(Code.INVALID_REQUEST, f"id: there is a key {record_key(key)} already: revoke it first")
                        del made[position]
            for key, secret in made.values():  # before the key: one without a secret could not be posted with
                self._secrets.put(key.user_id, key.app_id, key.id, secret)
            return [Change(Kind.KEY, record_key(key), key) for key, _ in made.values()], ()

        self._writes.write(caller.who, plan)
        code, details = combined([(Code.SUCCESS, "") if i in made else _fate(each) for i, each in enumerate(wanted)], Code.SUCCESS)
        return code, details, {"keys": [self._shown(made.get(i), each) for i, each in enumerate(wanted)]}

    def forget(self, user_id: str, app_id: str, ids: Sequence[str]) -> None:
        """Drop the secrets of keys that were revoked."""
        for key_id in ids:
            if not id_problem(key_id):
                self._secrets.remove(user_id, app_id, key_id)

    def _shown(self, made: tuple[Key, str] | None, wanted: Key | Refused) -> dict[str, Any]:
        if made is None:
            return {"status": status(*_fate(wanted))}
        with self._view.looking() as (catalog, _):
            return item_of(catalog, record_key(made[0]), made[0]) | {"secret": made[1]}


def _fate(wanted: Key | Refused) -> tuple[Code, str]:
    return (wanted.code, wanted.details) if isinstance(wanted, Refused) else (Code.SUCCESS, "")


def _fresh(key: Key, now: datetime) -> tuple[Key, str]:
    secret = new_secret()
    return Key(key.user_id, key.app_id, key.id, key.scopes, sha256_of(secret), key.description, now.strftime("%Y-%m-%dT%H:%M:%SZ")), secret


def _wanted(caller: Caller, item: Any) -> Key | Refused:
    """The key that an item asks for, or why there is to be none."""
    problems: list[str] = []
    try:
        value = to_names(item)
    except ValueError as error:
        return Refused(Code.INVALID_REQUEST, str(error))
    if not isinstance(value, dict):
        return Refused(Code.INVALID_REQUEST, "an object is wanted")
    value = {name: field for name, field in value.items() if name not in PASSED_OVER}
    if unknown := sorted(value.keys() - {"id", "description", "scopes", "apps"}):
        problems.append(f"unknown: {', '.join(repr(name)[:80] for name in unknown)}")
    key = Key(
        caller.app.user_id,
        _app(caller, value.get("apps"), problems),
        _id(value.get("id", ""), problems),
        _scopes(value.get("scopes"), problems),
        description=_text(value.get("description", ""), problems),
    )
    if problems:
        return Refused(Code.INVALID_REQUEST, "; ".join(problems))
    if beyond := lacking(caller.key, key.scopes):
        return Refused(Code.INSUFFICIENT_SCOPES, f"scopes: a key gives no more than it has, and yours lacks {', '.join(beyond)}")
    return key


def _id(given: Any, problems: list[str]) -> str:
    if given == "":
        return new_id()
    if not isinstance(given, str) or (problem := id_problem(given)):
        problems.append(f"id: {problem if isinstance(given, str) else 'a text is wanted'}")
        return ""
    return given


def _text(given: Any, problems: list[str]) -> str:
    if not isinstance(given, str) or len(given) > TEXT_LENGTH_MAX:
        problems.append(f"description: a text of at most {TEXT_LENGTH_MAX} characters is wanted")
        return ""
    return given


def _scopes(given: Any, problems: list[str]) -> tuple[str, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(each, str) and each in SCOPES for each in given):
        problems.append(f"scopes: a list of one or more of {', '.join(sorted(SCOPES))} is wanted")
        return ()
    return tuple(dict.fromkeys(given))


def _app(caller: Caller, given: Any, problems: list[str]) -> str:
    """The app of the path, or the one app that the item names; without either it is a personal access token."""
    if given in (None, []):
        return caller.app.app_id
    ids = [each.get("id") for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    if len(ids) != 1 or not isinstance(ids[0], str) or id_problem(ids[0]):
        problems.append("apps: one app at most, with its id, is wanted")
        return ""
    if caller.app.app_id not in {"", ids[0]}:
        problems.append(f"apps: {ids[0]} is not the app of the path, {caller.app.app_id}")
    return ids[0]
