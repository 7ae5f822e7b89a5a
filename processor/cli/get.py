"""``collectors get``: documents as they are written, and for collectors what they come to."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import click
from ruamel.yaml import YAML

from processor.catalog.records import App, Kind
from processor.catalog.shown import shown
from processor.catalog.view import look_for_topics, read_catalog
from processor.cli.api_client import ApiClient
from processor.cli.catalog_io import kind_named, print_json
from processor.cli.options import with_api, with_settings
from processor.cli.tables import table
from processor.codec.registry import Schemas
from processor.errors import CollectorsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from processor.catalog.records import Record
    from processor.settings import Settings

Document = dict[str, Any]


@click.command("get")
@click.argument("kind")
@click.argument("document_id", metavar="[ID]", required=False)
@click.option("--user", default="", help="Only documents of this user.")
@click.option("--app", default="", help="Only documents of this app.")
@click.option("-o", "--output", type=click.Choice(["table", "yaml", "json"]), default="table", help="How to print them.")
@click.option("--json", "output", flag_value="json", help="The same as -o json.")
@with_settings
@with_api
def command(settings: Settings, kind: str, document_id: str | None, user: str, app: str, output: str) -> None:
    """Print documents of a KIND: app, collector, key, knowledge-graph, model or workflow.

    A list, unless the ID, --user and --app (not for an app) name one document. What -o yaml prints can be applied
    again, but for keys. The status of a collector is worked out, and status_reason says why it is INACTIVE. Through the
    API it is what the key may see.
    """
    of = kind_named(kind)
    if settings.api_url:
        with ApiClient(settings) as there:
            found = there.documents(of, user, app, document_id or "")
    else:
        found = _read(settings, of, lambda record: _wanted(record, document_id, user, app))
    if document_id is not None and not found:
        raise CollectorsError(f"there is no {of} {'/'.join(filter(None, (user, app, document_id)))}; `collectors get {kind}` lists all")
    one = document_id is not None and bool(user) and bool(app or of is Kind.APP)
    _print(of, found, one, output)


def _read(settings: Settings, kind: Kind, wanted: Callable[[Record], bool]) -> list[Document]:
    catalog = read_catalog(settings, Schemas.from_settings(settings))
    if kind is Kind.COLLECTOR:
        look_for_topics(settings, catalog)
    return [shown(catalog, key, record) for key, record in catalog.records(kind) if wanted(record)]


def _wanted(record: Record, document_id: str | None, user: str, app: str) -> bool:
    in_app = record.id if isinstance(record, App) else record.app_id
    return document_id in {None, record.id} and user in {"", record.user_id} and app in {"", in_app}


def _print(kind: Kind, documents: Sequence[Document], one: bool, output: str) -> None:
    if output == "json":
        print_json(documents[0] if one else documents)
    elif output == "yaml":
        click.echo(as_yaml(documents), nl=False)
    else:
        click.echo(table(list(COLUMNS[kind]), [[str(column(document)) for column in COLUMNS[kind].values()] for document in documents]))


def as_yaml(documents: Sequence[Document]) -> str:
    """A YAML 1.2 stream."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the stub knows no such attribute value
    out = io.StringIO()
    yaml.dump_all(documents, out)
    return out.getvalue()


def _field(name: str) -> Callable[[Document], Any]:
    return lambda document: document.get(name, "")


def _source(document: Document) -> str:
    source = document["collector_source"]["api_post_model_outputs_collector_source"]
    return "/".join(source[name] for name in ("model_user_id", "model_app_id", "model_id"))


_IDS: Mapping[str, Callable[[Document], Any]] = {"USER": _field("user_id"), "APP": _field("app_id"), "ID": _field("id")}
COLUMNS: Mapping[Kind, Mapping[str, Callable[[Document], Any]]] = {
    Kind.APP: {
        "USER": _field("user_id"),
        "ID": _field("id"),
        "PLAN": _field("plan"),
        "COLLABORATORS": lambda document: ",".join(document.get("collaborators", ())),
        "DESTINATION": _field("destination_url"),
    },
    Kind.COLLECTOR: {
        **_IDS,
        "SOURCE": _source,
        "STATUS": lambda document: document["status"]["description"],
        "REASON": _field("status_reason"),
    },
    Kind.KEY: {**_IDS, "SCOPES": lambda document: ",".join(document.get("scopes", ())), "CREATED": _field("created_at")},
    Kind.KNOWLEDGE_GRAPH: {**_IDS, "RELATIONS": lambda document: len(document.get("concept_relations", ()))},
    Kind.MODEL: {**_IDS, "TYPE": _field("model_type_id"), "VISIBILITY": lambda document: document.get("visibility", "PRIVATE")},
    Kind.WORKFLOW: {**_IDS, "NODES": lambda document: ",".join(node["id"] for node in document.get("nodes", ()))},
}
