"""What can be done with documents, without HTTP: who asks and a parsed body in, an answer out, for a thread to run."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from processor.api.drafts import Desk, drafts, read_items
from processor.api.items import item_of
from processor.api.kinds import MODEL
from processor.catalog.changes import Change
from processor.catalog.plan import Result
from processor.catalog.records import Collector, Model
from processor.rest.json_body import refuse_unknown
from processor.rest.status import Code, Refused, combined, status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from processor.api.access import Caller
    from processor.api.drafts import Draft
    from processor.api.kinds import Resource
    from processor.api.writes import Planned, Writes
    from processor.catalog.records import Record
    from processor.catalog.store import Catalog
    from processor.rest.listing import Listing
    from processor.rest.view import CatalogView

ITEMS_MAX = 128
PAGE_SIZE_MAX = 1_000
OVERWRITE = "overwrite"
ID_BYTES = 16

Answer = tuple[Code, str, dict[str, Any]]
"""Code and details on top, and what comes below."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which items of a list.

    Attributes:
        page: from 1.
        per_page: how many one page has.
        keeps: which documents are listed; None: all.
    """

    page: int
    per_page: int
    keeps: Callable[[Record], bool] | None = None


class Documents:
    """Collectors, models, workflows, knowledge graphs and apps.

    Args:
        view: the catalog.
        writes: to it.
    """

    def __init__(self, view: CatalogView, writes: Writes) -> None:
        self._view = view
        self._writes = writes

    def post(self, caller: Caller, resource: Resource, body: Mapping[str, Any]) -> Answer:
        """Make documents; each is made whole or not at all, and has its own status.

        Raises:
            Refused: the body holds no list of items, or nothing could be written.
        """
        refuse_unknown(body, (resource.plural, resource.singular, "user_app_id"))
        code, details, below = self._write(caller, resource, items_in(body, resource), patch=False)
        # The contract's answer to PostModels has one model, in the singular.
        return code, details, below | ({resource.singular: below[resource.plural][0]} if resource is MODEL else {})

    def patch(self, caller: Caller, resource: Resource, body: Mapping[str, Any]) -> Answer:
        """Change documents: a field that is sent replaces what is stored, a field that is not sent stays.

        Raises:
            Refused: the body holds no list of items or another action, or nothing could be written.
        """
        refuse_unknown(body, (resource.plural, resource.singular, "action", "user_app_id"))
        if body.get("action") != OVERWRITE:
            raise Refused(Code.INVALID_REQUEST, f"action: {OVERWRITE} is the only one there is")
        return self._write(caller, resource, items_in(body, resource), patch=True)

    def delete(self, caller: Caller, resource: Resource, body: Mapping[str, Any]) -> Answer:
        """Delete documents by their ids, or all there are.

        Raises:
            Refused: the body says neither, or both, or nothing could be written.
        """
        refuse_unknown(body, ("ids", "delete_all", "user_app_id"))
        everything = body.get("delete_all", False)
        if not isinstance(everything, bool) or everything == bool(body.get("ids")):
            raise Refused(Code.INVALID_REQUEST, "ids, a list of one id or more, or delete_all: true is wanted")
        return self.delete_ids(caller, resource, None if everything else ids_in(body))

    def delete_ids(self, caller: Caller, resource: Resource, ids: Sequence[str] | None) -> Answer:
        """Delete documents; None: all of them."""
        fates: list[tuple[str, Code, str]] = []

        def plan(catalog: Catalog, listing: Listing, now: datetime) -> Planned:
            desk = _desk(caller, catalog, listing, now)
            everything = listing.keys(resource.kind, resource.owner(caller.app))
            wanted = ids if ids is not None else [key.rpartition("/")[2] for key in everything]
            for each in dict.fromkeys(wanted):
                gone = desk.stored(resource, each) is None
                missing = f"there is no {resource.singular} {desk.key(resource, each)}"[:1000]
                fates.append((each, resource.missing, missing) if gone else (each, Code.SUCCESS, ""))
            return [Change(resource.kind, desk.key(resource, each), None) for each, code, _ in fates if code is Code.SUCCESS], ()

        self._writes.write(caller.who, plan)
        top, said = combined([(code, details) for _, code, details in fates], Code.SUCCESS)
        return top, said, {resource.plural: [{"id": each, "status": status(code, details)} for each, code, details in fates]}

    def get(self, caller: Caller, resource: Resource, item_id: str) -> Answer:
        """One document.

        Raises:
            Refused: there is none that the caller may see.
        """
        with self._view.looking() as (catalog, _):
            key = f"{resource.owner(caller.app)}/{item_id}"
            record = visible(caller, catalog.get(resource.kind, key))
            if record is None:
                raise Refused(resource.missing, f"there is no {resource.singular} {key}"[:1000])
            return Code.SUCCESS, "", {resource.singular: item_of(catalog, key, record)}

    def page(self, caller: Caller, resource: Resource, page: Page) -> Answer:
        """One page of an app's documents, by id."""
        with self._view.looking() as (catalog, listing):
            keys = listing.keys(resource.kind, resource.owner(caller.app))
            if page.keeps or not caller.sees_all:
                keeps = page.keeps or (lambda _: True)
                keys = [key for key in keys if (record := visible(caller, catalog.get(resource.kind, key))) and keeps(record)]
            shown = keys[(page.page - 1) * page.per_page : page.page * page.per_page]
            items = [item_of(catalog, key, record) for key in shown if (record := catalog.get(resource.kind, key))]
        return Code.SUCCESS, "", {resource.plural: items}

    def _write(self, caller: Caller, resource: Resource, items: Sequence[Any], *, patch: bool) -> Answer:
        made: list[Draft] = []
        read = read_items(caller.app, resource, items)

        def plan(catalog: Catalog, listing: Listing, now: datetime) -> Planned:
            made.extend(drafts(_desk(caller, catalog, listing, now), resource, read, patch=patch))
            planned = [draft.planned for draft in made if draft.planned]
            changes = [Change(each.kind, each.key, each.record) for each in planned if each.result is not Result.UNCHANGED]
            apps = {(each.record.user_id, each.record.app_id) for each in planned if isinstance(each.record, Collector)}
            return changes, apps

        self._writes.write(caller.who, plan)
        code, details = combined([(draft.code, draft.details) for draft in made], Code.SUCCESS)
        return code, details, {resource.plural: [self._shown(draft) for draft in made]}

    def _shown(self, draft: Draft) -> dict[str, Any]:
        """As it is now, or why it was refused."""
        if draft.planned is None:
            return {"id": draft.id, "status": status(draft.code, draft.details)}
        with self._view.looking() as (catalog, _):
            return item_of(catalog, draft.planned.key, draft.planned.record)


def items_in(body: Mapping[str, Any], resource: Resource) -> list[Any]:
    """The items of a body: a list of them, or a single one under its singular name.

    Raises:
        Refused: there is none, or more than one request may have.
    """
    items = body.get(resource.plural)
    if items is None and resource.singular in body:
        items = [body[resource.singular]]
    if not isinstance(items, list) or not items:
        raise Refused(Code.INVALID_REQUEST, f"{resource.plural}: a list of one item or more is wanted")
    if len(items) > ITEMS_MAX:
        raise Refused(Code.EXCEEDS_LIMITS, f"{resource.plural}: {len(items)} items, and at most {ITEMS_MAX} fit one request")
    return items


def ids_in(body: Mapping[str, Any]) -> list[str]:
    """The ids of a body.

    Raises:
        Refused: there are none, or too many.
    """
    ids = body.get("ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
        raise Refused(Code.INVALID_REQUEST, "ids: a list of one id or more is wanted")
    if len(ids) > ITEMS_MAX:
        raise Refused(Code.EXCEEDS_LIMITS, f"ids: {len(ids)} of them, and at most {ITEMS_MAX} fit one request")
    return ids


def visible(caller: Caller, record: Record | None) -> Record | None:
    """A document, if the caller may know of it: to strangers only public models are there."""
    return record if caller.sees_all or (isinstance(record, Model) and record.visibility == "PUBLIC") else None


def _desk(caller: Caller, catalog: Catalog, listing: Listing, now: datetime) -> Desk:
    return Desk(catalog, listing, caller.app, now.strftime("%Y-%m-%dT%H:%M:%SZ"), new_id)


def new_id() -> str:
    """An id for what was sent without one."""
    return secrets.token_hex(ID_BYTES)
