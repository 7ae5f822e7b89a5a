"""Who may do what: the key says who asks and what the key is good for, the catalog whose the app is.

An owner reads and writes. A collaborator of an app, by a personal access token, reads what is in it. Everybody with a key
reads public models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from processor.catalog.records import App, Kind
from processor.rest.access import ME, AppRef, lacking, name_of
from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.catalog.records import Key
    from processor.catalog.store import Catalog


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was let in.

    Attributes:
        app: where.
        key: with which key.
        is_owner: whether it is their own.
        sees_all: whether they see what is private there.
    """

    app: AppRef
    key: Key
    is_owner: bool
    sees_all: bool

    @property
    def who(self) -> str:
        """For the audit log."""
        return f"key {name_of(self.key)}"


@dataclass(frozen=True, slots=True)
class Need:
    """What a call asks of its caller.

    Attributes:
        scopes: of the key.
        writes: only the owner may.
        public: whoever has a key may, and sees what is public.
        token: only with a personal access token, as it is about apps themselves.
        anywhere: it names no app; what it is about says whose it is, and is asked for then.
        of_app: with a token it is about the app that is named, where one is; else about what is the user's own.
    """

    scopes: tuple[str, ...]
    writes: bool = False
    public: bool = False
    token: bool = False
    of_app: bool = False
    anywhere: bool = False


def admit(catalog: Catalog, keys: Sequence[Key], wanted: AppRef, need: Need) -> Caller:
    """Let somebody in.

    Args:
        catalog: has the apps and their collaborators.
        keys: all that have the caller's secret; at least one.
        wanted: the app of the call; blank parts are the key's own. For a call about a user's apps it has no app.
        need: what the call asks for.

    Raises:
        Refused: with what is missing, and nothing about an app that is not theirs.
    """
    if need.anywhere:
        return Caller(AppRef(keys[0].user_id, keys[0].app_id), keys[0], is_owner=False, sees_all=False)
    callers = [caller for key in keys if (caller := _caller(catalog, key, wanted, need))]
    if not callers:
        raise Refused(Code.KEY_INVALID, _not_opened(keys[0], wanted, need))
    missing = [lacking(caller.key, need.scopes) for caller in callers]
    for caller, scopes in zip(callers, missing, strict=True):
        if not scopes and (caller.is_owner or not need.writes):
            return caller
    first, scopes = callers[0], missing[0]
    if scopes:
        raise Refused(Code.INSUFFICIENT_SCOPES, f"key {name_of(first.key)} lacks {', '.join(scopes)}")
    raise Refused(Code.INSUFFICIENT_SCOPES, f"only {first.app.user_id}, whose app this is, may write here; {first.key.user_id} may read")


def _not_opened(key: Key, wanted: AppRef, need: Need) -> str:
    if need.token and key.app_id:
        return f"key {name_of(key)} opens one app: this takes a personal access token, which is a key without an app"
    if not wanted.app_id and not key.app_id and not need.token:
        return f"key {name_of(key)} is a personal access token: name the app in the path or in user_app_id"
    return f"key {name_of(key)} does not open {'app ' if wanted.app_id else 'the apps of '}{wanted if wanted.app_id else wanted.user_id}"


def _caller(catalog: Catalog, key: Key, wanted: AppRef, need: Need) -> Caller | None:
    user = key.user_id if wanted.user_id in {"", ME} else wanted.user_id
    app_id = wanted.app_id or key.app_id
    if need.token and not need.of_app:
        app_id = ""
    if (need.token and key.app_id) or not (need.token or app_id):
        return None
    app = AppRef(user, app_id)
    if user == key.user_id and key.app_id in {"", app_id}:
        return Caller(app, key, is_owner=True, sees_all=True)
    if not key.app_id and app_id and key.user_id in _collaborators(catalog, app):
        return Caller(app, key, is_owner=False, sees_all=True)
    return Caller(app, key, is_owner=False, sees_all=False) if need.public else None


def _collaborators(catalog: Catalog, app: AppRef) -> tuple[str, ...]:
    found = catalog.get(Kind.APP, str(app))
    return found.collaborators if isinstance(found, App) else ()
