"""The four things that can be done with inputs, without HTTP: parsed values in, answers out, for a thread to run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from processor.destination.parse import parse_inputs
from processor.rest.json_body import has_control, refuse_unknown
from processor.rest.status import Code, Refused, combined, status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processor.destination.limits import Limits
    from processor.destination.parse import NewInput
    from processor.destination.store import Filter, InputStore, StoredInput
    from processor.rest.access import AppRef

POST_FIELDS = ("inputs", "input_id_conflict_resolution", "inputs_add_job_id", "user_app_id")
DELETE_FIELDS = ("ids", "user_app_id")
MICROSECONDS = 1_000_000

Answer = tuple[Code, str, dict[str, Any]]
"""Code and details on top, and what comes below."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which inputs, and which page of them."""

    wanted: Filter
    page: int
    per_page: int


@dataclass(frozen=True, slots=True)
class _Fate:
    """What became of one item."""

    id: str
    code: Code
    details: str = ""
    created_at: str = ""

    def shown(self) -> dict[str, Any]:
        """The item of the answer."""
        item = {"id": self.id, "status": status(self.code, self.details)}
        return item | {"created_at": self.created_at} if self.created_at else item


def _fate(given: NewInput, stored_as: str | None, now_us: int) -> _Fate:
    if stored_as is None:
        return _Fate(given.id, Code.INPUT_DUPLICATE, f"id {given.id} is taken")
    return _Fate(stored_as, Code.INPUT_OK, created_at=rfc3339(now_us + given.position))


@dataclass(frozen=True, slots=True)
class Inputs:
    """What can be done with inputs.

    Attributes:
        store: where they are.
        limits: of one request.
        now_us: the time, microseconds since 1970 UTC.
    """

    store: InputStore
    limits: Limits
    now_us: Callable[[], int]

    def post(self, app: AppRef, body: Mapping[str, Any]) -> Answer:
        """Store what is right; each item has its own status, in the order of the request.

        Raises:
            Refused: the body cannot be told into items.
        """
        refuse_unknown(body, POST_FIELDS)
        posted = parse_inputs(body, self.limits)
        now_us = self.now_us()
        stored = self.store.add(app, posted.inputs, posted.conflict, now_us) if posted.inputs else {}
        fates = {problem.position: _Fate(problem.id, problem.code, problem.details) for problem in posted.problems}
        fates |= {item.position: _fate(item, stored[item.position], now_us) for item in posted.inputs}
        in_order = [fates[position] for position in sorted(fates)]
        code, details = combined([(fate.code, fate.details) for fate in in_order], Code.INPUT_OK)
        return code, details, {"inputs": [fate.shown() for fate in in_order]}

    def page(self, app: AppRef, page: Page, address: str) -> Answer:
        """One page of an app's inputs.

        Args:
            app: whose.
            page: which.
            address: of the app's inputs, for those of their media.
        """
        found = self.store.page(app, _within(page.wanted, app), page.page, page.per_page)
        return Code.SUCCESS, "", {"inputs": [shown(each, address) for each in found]}

    def get(self, app: AppRef, input_id: str, address: str) -> Answer:
        """One input.

        Raises:
            Refused: there is none.
        """
        found = None if has_control(input_id) else self.store.get(app, input_id)
        if found is None:
            raise Refused(Code.INPUT_DOES_NOT_EXIST, f"app {app} has no input of this id")
        return Code.SUCCESS, "", {"input": shown(found, address)}

    def medium(self, app: AppRef, input_id: str, medium: str) -> tuple[str, bytes]:
        """Content type and bytes of an input's image, video or sound.

        Raises:
            Refused: it is not here.
        """
        found = None if has_control(input_id) else self.store.medium(app, input_id, medium)
        if found is None:
            raise Refused(Code.INPUT_DOES_NOT_EXIST, f"app {app} has no {medium} of this id: no such input, or it was posted by URL")
        return found

    def delete(self, app: AppRef, body: Mapping[str, Any]) -> Answer:
        """Delete inputs by their ids; each id has its own status.

        Raises:
            Refused: the body names no ids, or too many.
        """
        refuse_unknown(body, DELETE_FIELDS)
        ids = body.get("ids")
        if not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
            raise Refused(Code.INVALID_REQUEST, "ids: a list of one id or more is wanted")
        if len(ids) > self.limits.inputs_max:
            raise Refused(Code.INPUT_OVER_LIMIT, f"{len(ids)} ids, and at most {self.limits.inputs_max} fit one request")
        return self.delete_ids(app, ids)

    def delete_ids(self, app: AppRef, ids: list[str]) -> Answer:
        """Delete inputs."""
        gone = self.store.remove(app, [each for each in ids if not has_control(each)])
        missing = (Code.INPUT_DOES_NOT_EXIST, f"app {app} has no input of this id")
        fates = [_Fate(each, *((Code.SUCCESS, "") if each in gone else missing)) for each in ids]
        code, details = combined([(fate.code, fate.details) for fate in fates], Code.SUCCESS)
        return code, details, {"inputs": [fate.shown() for fate in fates]}


def shown(stored: StoredInput, address: str) -> dict[str, Any]:
    """An input as the contract writes it; media whose bytes are here have the URL they are at.

    Args:
        stored: the input.
        address: of the app's inputs.
    """
    data = orjson.loads(stored.data)
    for medium in stored.media:
        posted = data.get(medium, {})
        source = {"source_url": posted["url"]} if posted.get("url") else {}
        data[medium] = posted | {"url": f"{address}/{stored.id}/{medium}"} | source
    datasets = {"dataset_ids": stored.dataset_ids} if stored.dataset_ids else {}
    return {"id": stored.id, **datasets, "data": data, "created_at": rfc3339(stored.created_at_us), "status": status(Code.INPUT_OK)}


def rfc3339(time_us: int) -> str:
    """A time for the wire."""
    return datetime.fromtimestamp(time_us / MICROSECONDS, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _within(wanted: Filter, app: AppRef) -> Filter:
    """A filter whose collector may be named by its id alone: it is then one of the app's own."""
    if not wanted.collector or "/" in wanted.collector:
        return wanted
    return replace(wanted, collector=f"{app}/{wanted.collector}")
