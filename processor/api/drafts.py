"""Items of a request to planned documents, each by itself: with all that is wrong with it, or ready to be written. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from processor.api.kinds import APP, COLLECTOR, MODEL
from processor.api.proto_json import to_document
from processor.catalog.plan import Result, plan_write
from processor.catalog.records import Kind, Model
from processor.catalog.resolve import NOT_POSTABLE
from processor.catalog.rules import Broken
from processor.catalog.values import to_document as stored_document
from processor.catalog.write import VALUE_BYTES_MAX, size_problem
from processor.documents import Located, parse_document
from processor.resources import INVALID_REQUEST
from processor.rest.status import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from processor.api.kinds import Resource
    from processor.catalog.plan import Planned
    from processor.catalog.records import Record
    from processor.catalog.store import Catalog
    from processor.errors import Problem
    from processor.rest.access import AppRef
    from processor.rest.listing import Listing

SOURCE = ("collector_source", "api_post_model_outputs_collector_source")
OPERATORS_OWN = ("plan", "destination_url")  # the people who run this system, not the model types
Read = tuple[Any, list[Broken]]
"""An item as a person would have written the document, and what is wrong already."""
OPERATORS_SET_IT = "is set by those who run this system, with `collectors apply` beside the cluster"


@dataclass(frozen=True, slots=True)
class Draft:
    """What became of one item so far.

    Attributes:
        id: of the document, as far as it could be told.
        planned: ready to be written; None when something is wrong.
        code: of what is wrong.
        details: all of it.
    """

    id: str
    planned: Planned | None = None
    code: Code = Code.SUCCESS
    details: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """What drafts are made on.

    Attributes:
        catalog: as it is; the same afterwards.
        listing: what is in its apps.
        app: where the documents belong; without an app id for apps themselves.
        now: RFC 3339.
        new_id: makes an id for what has none.
    """

    catalog: Catalog
    listing: Listing
    app: AppRef
    now: str
    new_id: Callable[[], str]

    def key(self, resource: Resource, item_id: str) -> str:
        """The catalog key of a document of these ids."""
        return f"{resource.owner(self.app)}/{item_id}"

    def stored(self, resource: Resource, item_id: str) -> Record | None:
        """The document of an id; None when there is none."""
        return self.catalog.get(resource.kind, self.key(resource, item_id))


def read_items(app: AppRef, resource: Resource, items: Sequence[Any]) -> list[Read]:
    """Read JSON as it came; this takes as long as it is large, and no catalog."""
    ids = {"user_id": app.user_id} | ({"app_id": app.app_id} if app.app_id else {})
    return [to_document(resource.kind, ids, item) for item in items]


def drafts(desk: Desk, resource: Resource, items: Sequence[Read], *, patch: bool) -> list[Draft]:
    """Make a draft of every item.

    Args:
        desk: see there.
        resource: what they are.
        items: what was read.
        patch: change what is there, instead of making what is not.
    """
    seen: set[str] = set()
    return [_draft(desk, resource, *item, seen, patch=patch) for item in items]


def _draft(desk: Desk, resource: Resource, value: Any, broken: list[Broken], seen: set[str], *, patch: bool) -> Draft:
    item_id = value.get("id", "") if isinstance(value, dict) else ""
    if value is None or not isinstance(item_id, str) or not item_id:
        return _refused("", [*broken, *(parse_document(value)[1] if value is not None else ())])
    if item_id in seen:
        return Draft(item_id, None, Code.INVALID_REQUEST, "id: another item of this request has it: send each once")
    seen.add(item_id)
    stored = desk.stored(resource, item_id)
    if patch and stored is None:
        return Draft(item_id, None, resource.missing, f"there is no {resource.singular} {desk.key(resource, item_id)}")
    if not patch and stored is not None:
        broken.append(Broken("id", f"{resource.singular} {desk.key(resource, item_id)} is there already: change it with PATCH"))
    value, more = _completed(desk, resource, value, stored)
    return _planned(desk, item_id, value, [*broken, *more])


def _completed(desk: Desk, resource: Resource, value: Mapping[str, Any], stored: Record | None) -> tuple[dict[str, Any], list[Broken]]:
    """The whole document: with what is stored and not sent, and with what only the catalog can tell."""
    broken = _operators_own(value, stored) if resource is APP else []
    if resource is MODEL:
        value = _with_version(desk, value, stored)
    if stored is not None:
        value = {**stored_document(stored), **value}
    return _with_source(desk, value) if resource is COLLECTOR else dict(value), broken


def _operators_own(value: Mapping[str, Any], stored: Record | None) -> list[Broken]:
    return [
        Broken(name, OPERATORS_SET_IT, Code.INSUFFICIENT_SCOPES)
        for name in OPERATORS_OWN
        if name in value and value[name] != getattr(stored, name, "")
    ]


def _with_version(desk: Desk, value: Mapping[str, Any], stored: Record | None) -> dict[str, Any]:
    """A new model's version has an id from the beginning; a patch changes no version's id."""
    if isinstance(stored, Model):
        return {name: field for name, field in value.items() if name not in {"model_version", "versions"}}
    version = value.get("model_version") or {}
    named = isinstance(version, dict) and not version.get("id")
    return {**value, "model_version": {**version, "id": desk.new_id()}} if named else dict(value)


def _with_source(desk: Desk, value: Mapping[str, Any]) -> dict[str, Any]:
    """A source model by its id, where it was given by its name."""
    source: Any = value
    for step in SOURCE:
        source = source.get(step) if isinstance(source, dict) else None
    if not isinstance(source, dict) or not all(isinstance(source.get(part), str) for part in ("model_user_id", "model_app_id", "model_id")):
        return dict(value)
    owner = f"{source['model_user_id']}/{source['model_app_id']}"
    named = desk.catalog.get(Kind.MODEL, f"{owner}/{source['model_id']}") is None
    found = ids_by_name(desk, owner, source["model_id"]) if named else []
    if len(found) != 1:
        return dict(value)
    return {**value, SOURCE[0]: {**value[SOURCE[0]], SOURCE[1]: {**source, "model_id": found[0]}}}


def ids_by_name(desk: Desk, owner: str, name: str) -> list[str]:
    """Ids of an app's models that have a name."""
    models = (desk.catalog.get(Kind.MODEL, key) for key in desk.listing.keys(Kind.MODEL, owner))
    return [model.id for model in models if isinstance(model, Model) and model.name == name]


def _planned(desk: Desk, item_id: str, value: dict[str, Any], broken: list[Broken]) -> Draft:
    document, more = parse_document(value)
    if document is None or broken or more:
        return _refused(item_id, [*broken, *more])
    plan = plan_write(desk.catalog, [Located(item_id, document)], desk.now)
    # What `collectors apply` warns of is refused here: whoever writes through the API sees at once that it cannot run yet.
    unresolved = [problem for problem in plan.warnings if problem.document == item_id and problem.code != NOT_POSTABLE]
    planned = replace(plan.documents[0], where=item_id)
    # What is sent back as it was read stays as it is, even where it would not be let in today.
    if (problems := [*plan.problems, *unresolved]) and planned.result is not Result.UNCHANGED:
        return _refused(item_id, problems)
    # A record is no longer than its JSON, which costs less to write.
    if len(orjson.dumps(value)) > VALUE_BYTES_MAX and (problem := size_problem(planned.record)):
        return Draft(item_id, None, Code.EXCEEDS_LIMITS, problem)
    return Draft(item_id, planned)


def _refused(item_id: str, problems: Sequence[Broken | Problem]) -> Draft:
    """One code when all say the same, and every problem with its field and its own code."""
    codes = {problem.code or INVALID_REQUEST for problem in problems}
    lines = [f"{problem.path or 'document'}: {problem.message} ({problem.code or INVALID_REQUEST})" for problem in problems]
    return Draft(item_id, None, Code.of(codes.pop()) if len(codes) == 1 else Code.INVALID_REQUEST, "; ".join(lines))
