"""``collectors keys``: secrets that inputs are posted with. The catalog has their hashes, the secret store the secrets."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from processor.catalog.changes import Change
from processor.catalog.records import Key, Kind, record_key
from processor.catalog.view import read_catalog
from processor.catalog.write import CatalogWriter, order
from processor.cli.catalog_io import now, print_json, read_file, rfc3339, who
from processor.cli.delete import delete_document, report
from processor.cli.options import json_option, with_settings
from processor.cli.tables import table
from processor.codec.registry import Schemas
from processor.errors import CollectorsError, FixUsage
from processor.resources import POST_INPUTS, SCOPES, id_problem
from processor.secrets import SECRET_BYTES_MAX, SecretStore, new_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from processor.catalog.store import Catalog
    from processor.settings import Settings

VISIBLE_ASCII = range(0x21, 0x7F)


def key_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add ``--user``, ``--app`` and ``--id``, and hand the command a Key of these ids."""

    @click.option("--user", required=True, help="Whose key it is.")
    @click.option("--app", default="", help="The app it opens; without one it is the user's personal access token.")
    @click.option("--id", "key_id", required=True, help="The key's id.")
    @wraps(function)
    def with_key(*args: Any, user: str, app: str, key_id: str, **kwargs: Any) -> None:
        options = {"--user": user, "--id": key_id} | ({"--app": app} if app else {})
        if problems := [f"{option} {value!r}: {problem}" for option, value in options.items() if (problem := id_problem(value))]:
            raise FixUsage("\n".join(problems))
        function(*args, key=Key(user, app, key_id), **kwargs)

    return with_key


@click.group("keys")
def command() -> None:
    """Create, list, revoke and import the keys that inputs are posted with."""


@command.command("create")
@key_options
@click.option("--scopes", required=True, help="What it may do, with commas: PostInputs stands for all that posting inputs needs.")
@json_option
@with_settings
def create(settings: Settings, key: Key, scopes: str, as_json: bool) -> None:
    """Make a key and print its secret, once. The secret is kept in ./.collectors/secrets as well."""
    made = create_key(settings, replace(key, scopes=_scopes(scopes)), new_secret())
    if as_json:
        print_json(made)
        return
    click.echo(made["secret"])
    path = SecretStore().path(key.user_id, key.app_id, key.id)
    click.echo(f"the secret of key {record_key(key)} is above, and in {path}; it is not shown again", err=True)


def create_key(settings: Settings, key: Key, secret: str) -> dict[str, Any]:
    """Store a secret, then write its key: a crash in between leaves a secret without a key, which opens nothing.

    Raises:
        CollectorsError: there is such a key already.
    """
    schemas = Schemas.from_settings(settings)
    catalog = read_catalog(settings, schemas)
    if catalog.get(Kind.KEY, record_key(key)) is not None:
        raise CollectorsError(f"there is a key {record_key(key)} already: revoke it first, or give the new one another id")
    _write(settings, schemas, catalog, key, secret)
    return _public(key) | {"secret": secret}


def _write(settings: Settings, schemas: Schemas, catalog: Catalog, key: Key, secret: str) -> None:
    time = now()
    SecretStore().put(key.user_id, key.app_id, key.id, secret)
    stored = replace(key, sha256=_hash(secret), created_at=key.created_at or rfc3339(time))
    if stored != catalog.get(Kind.KEY, record_key(key)):
        change = Change(Kind.KEY, record_key(key), stored)
        CatalogWriter(settings, schemas).write(order(catalog, [change], (), who(), time))


@command.command("import")
@key_options
@click.option("--secret-file", metavar="FILE|-", required=True, help="The secret, on one line; - is stdin.")
@click.option("--scopes", default=None, help=f"What it may do at the destination; {POST_INPUTS} unless the key is known already.")
@json_option
@with_settings
def import_(settings: Settings, key: Key, secret_file: str, scopes: str | None, as_json: bool) -> None:
    """Take over a key that a destination made, or bring a key's secret to this machine. A known key gets the new secret."""
    given = replace(key, scopes=_scopes(scopes or POST_INPUTS))
    secret = _secret(read_file(secret_file))
    schemas = Schemas.from_settings(settings)
    catalog = read_catalog(settings, schemas)
    known = catalog.get(Kind.KEY, record_key(given))
    if isinstance(known, Key):
        given = replace(known, scopes=given.scopes if scopes else known.scopes)
    _write(settings, schemas, catalog, given, secret)
    _say(_public(given), f"key {record_key(given)} imported", as_json)


@command.command("list")
@click.option("--user", default="", help="Only keys of this user.")
@click.option("--app", default="", help="Only keys of this app.")
@json_option
@with_settings
def list_(settings: Settings, user: str, app: str, as_json: bool) -> None:
    """Print keys, without secrets and hashes. SECRET says whether this machine has the secret."""
    catalog = read_catalog(settings, Schemas.from_settings(settings))
    keys = [key for _, key in catalog.records(Kind.KEY) if isinstance(key, Key)]
    found = [_listed(key) for key in keys if user in {"", key.user_id} and app in {"", key.app_id}]
    if as_json:
        print_json(found)
    else:
        click.echo(table(["USER", "APP", "ID", "SCOPES", "CREATED", "SECRET"], [_row(key) for key in found]))


@command.command("revoke")
@key_options
@json_option
@with_settings
def revoke(settings: Settings, key: Key, as_json: bool) -> None:
    """Delete a key, and then its secret on this machine. Collectors that post with it become INACTIVE."""
    report(delete_document(settings, Kind.KEY, record_key(key)), as_json)


def _scopes(text: str) -> tuple[str, ...]:
    scopes = tuple(dict.fromkeys(scope.strip() for scope in text.split(",") if scope.strip()))
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        what = f"unknown scopes {', '.join(unknown)}" if unknown else "no scope named"
        raise FixUsage(f"--scopes: {what}; there are {', '.join(sorted(SCOPES))}")
    return scopes


def _secret(data: bytes) -> str:
    """One line of visible ASCII: a secret travels in a header."""
    secret = data.removesuffix(b"\n").removesuffix(b"\r")
    if not 0 < len(secret) <= SECRET_BYTES_MAX or any(byte not in VISIBLE_ASCII for byte in secret):
        raise FixUsage(f"--secret-file: one line of 1 to {SECRET_BYTES_MAX} visible ASCII characters without blanks is wanted")
    return secret.decode("ascii")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _public(key: Key) -> dict[str, Any]:
    return {"id": key.id, "user_id": key.user_id, "app_id": key.app_id, "scopes": list(key.scopes)}


def _listed(key: Key) -> dict[str, Any]:
    return _public(key) | {"created_at": key.created_at, "secret_stored": SecretStore().has(key.user_id, key.app_id, key.id)}


def _row(key: dict[str, Any]) -> Sequence[str]:
    stored = "here" if key["secret_stored"] else "elsewhere"
    return [key["user_id"], key["app_id"] or "-", key["id"], ",".join(key["scopes"]), key["created_at"], stored]


def _say(value: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        print_json(value)
    else:
        click.echo(text)
