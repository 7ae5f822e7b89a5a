"""``collectors delete``: take one document out of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from processor.catalog.plan import plan_delete
from processor.catalog.records import Kind
from processor.catalog.view import read_catalog
from processor.catalog.write import CatalogWriter, order
from processor.cli.api_client import ApiClient
from processor.cli.catalog_io import Deleted, as_dicts, document_key, kind_named, now, print_json, warn, who
from processor.cli.options import json_option, with_api, with_settings
from processor.codec.registry import Schemas
from processor.errors import CollectorsError
from processor.secrets import SecretStore

if TYPE_CHECKING:
    from processor.settings import Settings


@click.command("delete")
@click.argument("kind")
@click.argument("document_id", metavar="ID")
@click.option("--user", required=True, help="The owner.")
@click.option("--app", default="", help="The app it is in; not for an App itself.")
@json_option
@with_settings
@with_api
def command(settings: Settings, kind: str, document_id: str, user: str, app: str, as_json: bool) -> None:
    """Delete the document of this KIND and ID. Collectors that need it become INACTIVE, which is a warning.

    The inputs topic of an app stays: what was collected is the owner's.
    """
    of = kind_named(kind)
    key = document_key(of, user, app, document_id)
    if settings.api_url:
        with ApiClient(settings) as there:
            report(there.delete(of, user, "" if of is Kind.APP else app, document_id), as_json)
    else:
        report(delete_document(settings, of, key), as_json)


def delete_document(settings: Settings, kind: Kind, key: str) -> Deleted:
    """Delete one document; with a key goes its secret, after it.

    Raises:
        CollectorsError: there is no such document.
    """
    schemas = Schemas.from_settings(settings)
    catalog = read_catalog(settings, schemas)
    record = catalog.get(kind, key)
    if record is None:
        raise CollectorsError(f"there is no {kind} {key}; nothing was deleted")
    change, warnings = plan_delete(catalog, kind, key)
    changeset = CatalogWriter(settings, schemas).write(order(catalog, [change], (), who(), now()))
    if kind is Kind.KEY:
        user, app, key_id = key.split("/")
        SecretStore().remove(user, app, key_id)
    return Deleted(kind, key, warnings, changeset)


def report(deleted: Deleted, as_json: bool) -> None:
    """Tell what was deleted, and what stops with it."""
    warn(deleted.warnings)
    if as_json:
        told = {"kind": deleted.kind, "key": deleted.key, "result": "deleted", "warnings": as_dicts(deleted.warnings)}
        print_json(told | {"catalog_version": deleted.catalog_version})
    else:
        click.echo(f"{deleted.kind} {deleted.key} deleted")
