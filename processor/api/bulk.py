"""Documents of any kind and app over HTTP, as `collectors apply` reads, `get` prints and `delete` names them.

These calls are this system's own, beside the contract's. They take and give whole documents: what is written in a file goes
in as it is, all of a call or nothing, and references between the documents of a call resolve.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from processor.api.access import Need
from processor.api.drafts import OPERATORS_OWN, OPERATORS_SET_IT
from processor.api.gate import Gate
from processor.api.kinds import DOCUMENT, RESOURCES
from processor.api.needs import to_read, to_remove, to_write
from processor.api.routes import Route
from processor.api.schemas import ID, array, closed
from processor.catalog.plan import Result, plan_delete, plan_write
from processor.catalog.records import DOCUMENT_KINDS, App, Kind
from processor.catalog.resolve import NOT_POSTABLE
from processor.catalog.shown import shown
from processor.documents import Located, read_values
from processor.errors import Problem
from processor.resources import INVALID_REQUEST
from processor.resources import App as AppDocument
from processor.rest.access import AppRef
from processor.rest.json_body import refuse_unknown
from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from processor.api.access import Caller
    from processor.api.documents import Answer
    from processor.api.keys import Keys
    from processor.api.routes import Call
    from processor.api.schemas import Schema
    from processor.api.writes import Planned, Writes
    from processor.catalog.plan import Plan
    from processor.catalog.records import Record
    from processor.catalog.store import Catalog
    from processor.documents import Documents
    from processor.rest.listing import Listing
    from processor.rest.query import Query
    from processor.rest.view import CatalogView

DOCUMENTS_MAX = 5_000
NAME_LENGTH_MAX = 1_000
PAGE_SIZE_MAX = 1_000
OF_AN_APP = Need((), writes=True)


class Bulk:
    """What can be done with documents of any app.

    Args:
        view: the catalog.
        writes: to it.
        keys: forgets the secrets of those that are deleted.
    """

    def __init__(self, view: CatalogView, writes: Writes, keys: Keys) -> None:
        self._view = view
        self._writes = writes
        self._keys = keys

    def post(self, caller: Caller, call: Call) -> Answer:
        """Write documents, all of them or none; a document as it already is is left alone. ``check``: only say what is wrong.

        Raises:
            Refused: the body is not right, or nothing could be written.
        """
        found, check = _given(call.body)
        plans: list[Plan] = []

        def plan(catalog: Catalog, _: Listing, now: datetime) -> Planned:
            made = _planned(Gate(catalog, call.keys), catalog, found, now.strftime("%Y-%m-%dT%H:%M:%SZ"))
            plans.append(made)
            return ((), ()) if check or made.problems else (made.changes, made.apps)

        version = self._writes.write(caller.who, plan)
        return _told(plans[0], version)

    def page(self, _caller: Caller, call: Call) -> Answer:
        """Documents of a kind that the caller may see, by key; ``next`` is there when there are more.

        Raises:
            Refused: the query is not right, or names an app that is not the caller's to look at.
        """
        kind, after, query = _kind(call.query), call.query.text("after") or "", call.query
        _, per_page = query.paging(PAGE_SIZE_MAX)
        if query.text("page") is not None:
            query.problems.append("page: these come one after another: send the `next` of an answer as `after`")
        query.check()
        with self._view.looking() as (catalog, listing):
            seen = _seen(Gate(catalog, call.keys), catalog, listing, kind, query)
            found = list(islice(((key, record) for key, record in seen if key > after), per_page + 1))
            below: dict[str, Any] = {"documents": [shown(catalog, key, record) for key, record in found[:per_page]]}
        return Code.SUCCESS, "", below | ({"next": found[per_page - 1][0]} if len(found) > per_page else {})

    def delete(self, caller: Caller, call: Call) -> Answer:
        """Delete one document; with a key goes its secret.

        Raises:
            Refused: the query names none, or there is none, or it is not the caller's to delete.
        """
        kind, app, item_id = _one(call.query)
        resource = RESOURCES[kind]
        told: dict[str, Any] = {"kind": kind, "key": f"{resource.owner(app)}/{item_id}", "result": "deleted"}

        def plan(catalog: Catalog, _: Listing, __: datetime) -> Planned:
            gate = Gate(catalog, call.keys)
            gate.caller(app, _need(to_remove(resource), app))
            if catalog.get(kind, told["key"]) is None:
                raise Refused(resource.missing, f"there is no {kind} {told['key']}; nothing was deleted"[:1000])
            change, stopped = plan_delete(catalog, kind, told["key"])
            told["warnings"] = _dicts(_of_the_caller(gate, stopped))
            return [change], ()

        told["catalog_version"] = self._writes.write(caller.who, plan)
        if kind is Kind.KEY:
            self._keys.forget(app.user_id, app.app_id, [item_id])
        return Code.SUCCESS, "", told


def _given(body: Mapping[str, Any]) -> tuple[Documents, bool]:
    refuse_unknown(body, ("documents", "names", "check"))
    documents, check = body.get("documents"), body.get("check", False)
    if not isinstance(documents, list) or not documents or not isinstance(check, bool):
        raise Refused(Code.INVALID_REQUEST, "documents: a list of one or more is wanted, and of check, where it is given, true or false")
    if len(documents) > DOCUMENTS_MAX:
        raise Refused(Code.EXCEEDS_LIMITS, f"documents: {len(documents)} of them, and at most {DOCUMENTS_MAX} fit one request: split them")
    names = body.get("names", [f"documents#{number}" for number in range(1, len(documents) + 1)])
    if not isinstance(names, list) or not all(map(_is_name, names)) or not len(documents) == len(names) == len(set(names)):
        wanted = f"a text of its own, at most {NAME_LENGTH_MAX} characters, for each document is wanted"
        raise Refused(Code.INVALID_REQUEST, f"names: where given, {wanted}")
    return read_values(list(zip(names, documents, strict=True))), check


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and 0 < len(name) <= NAME_LENGTH_MAX


def _planned(gate: Gate, catalog: Catalog, given: Documents, now: str) -> Plan:
    """The plan for all documents, telling of those only that the caller may write; what does not resolve is a problem here."""
    allowed: set[str] = set()
    problems = list(given.problems)
    located = [_as_stored(catalog, each) for each in given.located]
    for each, original in zip(located, given.located, strict=True):
        refused = list(_refused(gate, original, each))
        problems.extend(refused)
        if not refused:
            allowed.add(each.where)
    plan = plan_write(catalog, located, now)
    named = {each.where for each in located}
    problems += [problem for problem in plan.problems if problem.document in allowed]
    # What is sent back as it was read stays as it is, even where it would not be let in today; its topic is made all the same.
    kept = {each.where for each in plan.documents if each.result is Result.UNCHANGED}
    unresolved = [warning for warning in plan.warnings if warning.document in allowed and warning.code != NOT_POSTABLE]
    problems += [warning for warning in unresolved if warning.document not in kept]
    stopped = [warning for warning in plan.warnings if warning.document not in named]
    warnings = (*(warning for warning in unresolved if warning.document in kept), *_of_the_caller(gate, stopped))
    return replace(plan, problems=tuple(problems), warnings=warnings)


def _as_stored(catalog: Catalog, located: Located) -> Located:
    """The document, with what only those who run this system say of an app as it is stored."""
    if not isinstance(located.document, AppDocument):
        return located
    stored = catalog.get(Kind.APP, located.document.key)
    return Located(located.where, located.document.model_copy(update={name: getattr(stored, name, "") for name in OPERATORS_OWN}))


def _refused(gate: Gate, given: Located, kept: Located) -> Iterator[Problem]:
    """Why the caller may not write a document."""
    resource, document = RESOURCES[Kind(given.document.kind)], given.document
    app = AppRef(document.user_id, "" if isinstance(document, AppDocument) else document.app_id)
    if refusal := gate.refusal(app, to_write(resource)):
        yield Problem(given.where, "", refusal.details, refusal.code)
        return
    for name in OPERATORS_OWN if isinstance(document, AppDocument) else ():
        if name in document.model_fields_set and getattr(document, name) != getattr(kept.document, name):
            yield Problem(given.where, name, OPERATORS_SET_IT, Code.INSUFFICIENT_SCOPES)


def _told(plan: Plan, version: str) -> Answer:
    if not plan.problems:
        rows = [{"kind": each.kind, "key": each.key, "result": each.result} for each in plan.documents]
        return Code.SUCCESS, "", {"documents": rows, "problems": [], "warnings": _dicts(plan.warnings), "catalog_version": version}
    codes = {problem.code or INVALID_REQUEST for problem in plan.problems}
    code = Code.of(codes.pop()) if len(codes) == 1 else Code.INVALID_REQUEST
    below = {"documents": [], "problems": _dicts(plan.problems), "warnings": [], "catalog_version": ""}
    lines = [f"{problem} ({problem.code or INVALID_REQUEST})" for problem in plan.problems]
    return code, "; ".join(["nothing was written", *lines]), below


def _dicts(problems: Sequence[Problem]) -> list[dict[str, object]]:
    return [asdict(problem) for problem in problems]


def _of_the_caller(gate: Gate, stopped: Sequence[Problem]) -> list[Problem]:
    """Warnings of collectors that stop, without those of other people's: that they are there is nobody else's business."""
    kept = []
    for warning in stopped:
        user_id, app_id, _ = warning.document.removeprefix("Collector ").split("/")
        if gate.refusal(AppRef(user_id, app_id), OF_AN_APP) is None:
            kept.append(warning)
    return kept


def _kind(query: Query) -> Kind:
    given = query.text("kind") or ""
    if given not in DOCUMENT_KINDS:
        query.problems.append(f"kind: one of {', '.join(DOCUMENT_KINDS)} is wanted")
        query.check()
    return Kind(given)


def _one(query: Query) -> tuple[Kind, AppRef, str]:
    """The document that a query names: its kind, the app that it is in, and its id; an app is in its user's account."""
    kind, user_id, app_id, item_id = _kind(query), query.text("user_id"), query.text("app_id") or "", query.text("id") or ""
    if kind is Kind.APP and app_id not in {"", item_id}:
        query.problems.append("app_id: an App is named by user_id and id")
    for name, value in (("user_id", user_id), ("id", item_id), ("app_id", app_id or kind in {Kind.APP, Kind.KEY})):
        if not value:
            query.problems.append(f"{name}: is missing")
    query.check()
    return kind, AppRef(user_id or "", "" if kind is Kind.APP else app_id), item_id


def _need(need: Need, app: AppRef) -> Need:
    """What is in no app is the user's own, and takes a token."""
    return need if app.app_id else replace(need, token=True)


def _seen(gate: Gate, catalog: Catalog, listing: Listing, kind: Kind, query: Query) -> Iterator[tuple[str, Record]]:
    """What the caller may see of what is asked for, by key."""
    need, item_id = to_read(RESOURCES[kind]), query.text("id") or ""
    wanted = AppRef(query.named_app.get("user_id", ""), query.named_app.get("app_id", "") or (item_id if kind is Kind.APP else ""))
    gate.require(need.scopes)
    if wanted.app_id and wanted.user_id:
        gate.caller(wanted, need)
    for key, record in _candidates(catalog, listing, kind, wanted):
        app = AppRef(record.user_id, record.id if isinstance(record, App) else record.app_id)
        asked = item_id in {"", record.id} and wanted.user_id in {"", app.user_id} and wanted.app_id in {"", app.app_id}
        if asked and gate.sees(app, _need(need, app), record):
            yield key, record


def _candidates(catalog: Catalog, listing: Listing, kind: Kind, wanted: AppRef) -> Sequence[tuple[str, Record]]:
    if kind is Kind.APP or not wanted.user_id or not wanted.app_id:
        return catalog.records(kind)
    keys = listing.keys(kind, str(wanted))
    return [(key, record) for key in keys if (record := catalog.get(kind, key))]


_TEXT: Schema = {"type": "string"}
_DOCUMENTS: Schema = {
    "type": "object",
    "required": ["documents"],
    "properties": {
        "documents": {"type": "array", "minItems": 1, "maxItems": DOCUMENTS_MAX, "items": {"type": "object"}},
        "names": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH_MAX}, "uniqueItems": True},
        "check": {"type": "boolean"},
    },
    "additionalProperties": False,
}
_PROBLEMS = array(
    closed({"document": _TEXT, "path": _TEXT, "message": _TEXT, "code": {"type": "integer"}}, ("document", "path", "message", "code"))
)
_ROW: Schema = {"kind": {"enum": list(Kind)}, "key": _TEXT, "result": {"enum": [*Result, "deleted"]}}
_VERSION: Schema = {"catalog_version": _TEXT}
_WRITTEN = closed(
    {"documents": array(closed(_ROW, _ROW)), "problems": _PROBLEMS, "warnings": _PROBLEMS, **_VERSION}, ("documents", "problems")
)
_DELETED = closed({**_ROW, "warnings": _PROBLEMS, **_VERSION}, _ROW)
_LISTED = closed({"documents": array({"type": "object"}), "next": _TEXT}, ("documents",))
_NAMED = {name: name for name in ("kind", "user_id", "app_id", "id")}
_NAMES: Mapping[str, Any] = {"kind": {"type": "string", "enum": list(DOCUMENT_KINDS)}, "user_id": ID, "app_id": ID, "id": ID}


def bulk_routes(bulk: Bulk) -> list[Route]:
    """This system's own calls."""
    path, need = ("/v2/documents",), Need((), anywhere=True)
    listed = {**_NAMED, "after": "after", "per_page": "per_page"}
    page = {**_NAMES, "per_page": {"type": "integer", "minimum": 1, "maximum": PAGE_SIZE_MAX}}
    of_a_kind, one = frozenset({"kind"}), frozenset({"kind", "user_id", "id"})
    return [
        Route("PostDocuments", "POST", path, DOCUMENT, need, bulk.post, many=False, schemas={"body": _DOCUMENTS, "answer": _WRITTEN}),
        Route(
            "ListDocuments",
            "GET",
            path,
            DOCUMENT,
            need,
            bulk.page,
            many=False,
            query=listed,
            required=of_a_kind,
            schemas=page | {"answer": _LISTED},
        ),
        Route(
            "DeleteDocument",
            "DELETE",
            path,
            DOCUMENT,
            need,
            bulk.delete,
            many=False,
            query=_NAMED,
            required=one,
            schemas={**_NAMES, "answer": _DELETED},
        ),
    ]
