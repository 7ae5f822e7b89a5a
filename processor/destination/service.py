"""The four things that can be done with inputs, without HTTP: parsed values in, answers out, for a thread to run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from processor.destination.parse import has_control, parse_inputs, refuse_unknown
from processor.destination.status import Code, Refused, combined, status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processor.destination.access import AppRef
    from processor.destination.limits import Limits
    from processor.destination.store import Filter, InputStore, StoredInput

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
        items = {problem.position: _item(problem.id, problem.code, problem.details) for problem in posted.problems}
        codes = {problem.position: (problem.code, problem.details) for problem in posted.problems}
        for given in posted.inputs:
            found = stored[given.position]
            code = Code.INPUT_DUPLICATE if found is None else Code.INPUT_OK
            details = f"id {given.id} is taken" if found is None else ""
            made = {} if found is None else {"created_at": rfc3339(now_us + given.position)}
            items[given.position] = _item(found or given.id, code, details) | made
            codes[given.position] = (code, details)
        code, details = combined([codes[position] for position in sorted(codes)], Code.INPUT_OK)
        return code, details, {"inputs": [items[position] for position in sorted(items)]}

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
        codes = [(Code.SUCCESS, "") if each in gone else (Code.INPUT_DOES_NOT_EXIST, f"app {app} has no input of this id") for each in ids]
        code, details = combined(codes, Code.SUCCESS)
        return code, details, {"inputs": [_item(each, *found) for each, found in zip(ids, codes, strict=True)]}


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
    return {"id": stored.id, "data": data, "created_at": rfc3339(stored.created_at_us), "status": status(Code.INPUT_OK)}


def rfc3339(time_us: int) -> str:
    """A time for the wire."""
    return datetime.fromtimestamp(time_us / MICROSECONDS, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _item(input_id: str, code: Code, details: str) -> dict[str, Any]:
    return {"id": input_id, "status": status(code, details)}


def _within(wanted: Filter, app: AppRef) -> Filter:
    """A filter whose collector may be named by its id alone: it is then one of the app's own."""
    if not wanted.collector or "/" in wanted.collector:
        return wanted
    return replace(wanted, collector=f"{app}/{wanted.collector}")
