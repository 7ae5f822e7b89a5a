"""Who may: the secret of a request to the app it opens."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from processor.resources import POST_INPUTS, POST_INPUTS_SCOPES
from processor.rest.keys import sha256_of
from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from processor.catalog.records import Key
    from processor.rest.keys import KeyBook

ME = "me"
SCHEME = "key"
_NAMES = {"userId": "user_id", "appId": "app_id", "user_id": "user_id", "app_id": "app_id"}


@dataclass(frozen=True, slots=True)
class AppRef:
    """An app, by its owner and its id; an empty part is not named."""

    user_id: str = ""
    app_id: str = ""

    def __str__(self) -> str:
        return f"{self.user_id}/{self.app_id}"


def secret_of(authorization: str) -> str:
    """The secret in ``Authorization: Key <secret>``.

    Raises:
        Refused: there is none.
    """
    scheme, _, secret = authorization.strip().partition(" ")
    if scheme.lower() != SCHEME or not secret.strip():
        raise Refused(Code.KEY_INVALID, "no key: send the header `Authorization: Key <secret>`")
    return secret.strip()


def keys_of(secret: str, keys: KeyBook) -> Sequence[Key]:
    """All keys with this secret.

    Raises:
        Refused: there is none.
    """
    sha256 = sha256_of(secret)
    if found := [key for key in keys.find(sha256) if hmac.compare_digest(key.sha256, sha256)]:
        return found
    raise Refused(Code.KEY_NOT_FOUND, "no key has this secret: it was never made, or has been revoked")


def admit(authorization: str, wanted: AppRef, scopes: Sequence[str], keys: KeyBook) -> AppRef:
    """The app that a request is let into.

    Args:
        authorization: the header.
        wanted: the app that the request names; without an app it is the key's own.
        scopes: what the key must be allowed.
        keys: all there are.

    Raises:
        Refused: no such key, or it opens another app, or it lacks scopes; which, the text says.
    """
    found = keys_of(secret_of(authorization), keys)
    opening = [(key, app) for key in found if (app := _opened(key, wanted))]
    if not opening:
        what = f"does not open app {wanted}" if wanted.app_id else "is a personal access token: name the app in the path or in user_app_id"
        raise Refused(Code.KEY_INVALID, f"key {name_of(found[0])} {what}")
    missing = {key: lacking(key, scopes) for key, _ in opening}
    for key, app in opening:
        if not missing[key]:
            return app
    key = opening[0][0]
    raise Refused(Code.INSUFFICIENT_SCOPES, f"key {name_of(key)} lacks {', '.join(missing[key])}")


def lacking(key: Key, scopes: Sequence[str]) -> list[str]:
    """The scopes that a key lacks."""
    held = {*key.scopes, *(POST_INPUTS_SCOPES if POST_INPUTS in key.scopes else ())}
    return [scope for scope in scopes if scope not in held]


def name_of(key: Key) -> str:
    """A key for people: its ids, nothing else of it."""
    return f"{key.user_id}/{key.app_id}/{key.id}"


def _opened(key: Key, wanted: AppRef) -> AppRef | None:
    """The app that a key opens when this one is wanted; a personal access token opens all of its user's."""
    user_id = key.user_id if wanted.user_id in {"", ME} else wanted.user_id
    app_id = wanted.app_id or key.app_id
    opens = user_id == key.user_id and key.app_id in {"", app_id}
    return AppRef(user_id, app_id) if opens and app_id else None


def named_app(path: AppRef, named: Mapping[str, str]) -> AppRef:
    """The app that a request is about: the path says it, and what else names one has to agree.

    Args:
        path: from the path; empty for the short paths.
        named: ``user_app_id`` of the body or the query.

    Raises:
        Refused: they disagree.
    """
    other = AppRef(named.get("user_id", ""), named.get("app_id", ""))
    for mine, theirs in ((path.user_id, other.user_id), (path.app_id, other.app_id)):
        if mine and theirs and mine != theirs and ME not in {mine, theirs}:
            raise Refused(Code.INVALID_REQUEST, f"user_app_id names {other}, and the path {path}")
    return AppRef(path.user_id or other.user_id, path.app_id or other.app_id)


def user_app_id(body: Mapping[str, Any]) -> Mapping[str, str]:
    """The app that a body names, in either spelling; the published client names it in every request.

    Raises:
        Refused: it is no pair of ids.
    """
    given = body.get("user_app_id")
    found = {_NAMES.get(name, name): value for name, value in given.items() if value is not None} if isinstance(given, dict) else given
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(name in _NAMES.values() and isinstance(value, str) for name, value in found.items()):
        raise Refused(Code.INVALID_REQUEST, "user_app_id: user_id and app_id, both texts, are wanted")
    return found
