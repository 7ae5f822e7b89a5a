"""``collectors apply``: write documents, all of a call or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from processor.catalog.plan import plan_write
from processor.catalog.view import read_catalog
from processor.catalog.write import CatalogWriter, order
from processor.cli.api_client import ApiClient
from processor.cli.catalog_io import Applied, as_dicts, now, print_json, read_file, rfc3339, warn, who
from processor.cli.options import json_option, with_api, with_settings
from processor.codec.registry import Schemas
from processor.documents import read_documents
from processor.errors import EXIT_FAILED, CollectorsError, FixDocuments, FixUsage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.documents import Documents
    from processor.settings import Settings


@click.command("apply")
@click.option(
    "-f",
    "--filename",
    "files",
    metavar="FILE|-",
    multiple=True,
    required=True,
    help="A YAML or JSON stream of documents; - is stdin. May be given several times.",
)
@json_option
@with_settings
@with_api
def command(settings: Settings, files: tuple[str, ...], as_json: bool) -> None:
    """Write documents: all of a call, or none of them.

    A document as it already is is left alone. A Collector without `status` stays paused, or not, as it is. References
    that do not resolve are warnings: what they name may come later, and the collector is INACTIVE until then. The API
    refuses them, and what is not the key's to write.
    """
    if twice := next((name for name in files if files.count(name) > 1), ""):
        raise FixUsage(f"-f {twice} was given twice{', and stdin can be read once' if twice == '-' else ''}")
    try:
        applied = _applied(settings, read_documents(_streams(files)))
    except FixDocuments as error:
        if not as_json:
            raise
        print_json({"documents": [], "problems": as_dicts(error.problems), "warnings": [], "catalog_version": ""})
        raise SystemExit(EXIT_FAILED) from None
    _report(applied, as_json)


def _applied(settings: Settings, documents: Documents) -> Applied:
    """Check documents and write them, through the API where one is named.

    Raises:
        FixDocuments: all problems of all documents; nothing was written.
        CollectorsError: the cluster, or the API, did not take them.
    """
    if documents.problems and not documents.located:
        raise FixDocuments(tuple(documents.problems))
    if not settings.api_url:
        return _written(settings, documents)
    with ApiClient(settings) as there:
        return there.apply(documents)


def _written(settings: Settings, documents: Documents) -> Applied:
    time = now()
    schemas = Schemas.from_settings(settings)
    try:
        catalog = read_catalog(settings, schemas)
    except CollectorsError:
        if documents.problems:  # these can be mended without a cluster
            raise FixDocuments(tuple(documents.problems)) from None
        raise
    plan = plan_write(catalog, documents.located, rfc3339(time))
    if problems := (*documents.problems, *plan.problems):
        raise FixDocuments(problems)
    version = CatalogWriter(settings, schemas).write(order(catalog, plan.changes, plan.apps, who(), time))
    return Applied([{"kind": each.kind, "key": each.key, "result": each.result} for each in plan.documents], plan.warnings, version)


def _streams(files: Sequence[str]) -> list[tuple[str, bytes]]:
    return [("stdin" if name == "-" else name, read_file(name)) for name in files]


def _report(applied: Applied, as_json: bool) -> None:
    warn(applied.warnings)
    if as_json:
        told = {"documents": applied.documents, "problems": [], "warnings": as_dicts(applied.warnings)}
        print_json(told | {"catalog_version": applied.catalog_version})
        return
    for each in applied.documents:
        click.echo(f"{each['kind']} {each['key']} {each['result']}")
