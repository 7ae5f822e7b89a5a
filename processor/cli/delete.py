"""``collectors delete``: take one document out of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from processor.catalog.plan import plan_delete
from processor.catalog.records import Kind
from processor.catalog.view import read_catalog
from processor.catalog.write import CatalogWriter, order
from processor.cli.catalog_io import as_dicts, document_key, kind_named, now, print_json, warn, who
from processor.cli.options import json_option, with_settings
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
def command(settings: Settings, kind: str, document_id: str, user: str, app: str, as_json: bool) -> None:
    """Delete the document of this KIND and ID. Collectors that need it become INACTIVE, which is a warning.

    The inputs topic of an app stays: what was collected is the owner's.
    """
    of = kind_named(kind)
    delete_document(settings, of, document_key(of, user, app, document_id), as_json)


def delete_document(settings: Settings, kind: Kind, key: str, as_json: bool) -> None:
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
    warn(warnings)
    if as_json:
        print_json({"kind": kind, "key": key, "result": "deleted", "warnings": as_dicts(warnings), "catalog_version": changeset})
    else:
        click.echo(f"{kind} {key} deleted")
