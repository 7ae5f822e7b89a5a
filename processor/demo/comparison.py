"""What was collected against what had to be: every way in which the two differ, in words."""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from processor.demo.evaluation import input_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from processor.demo.evaluation import Expected
    from processor.demo.posted import Posted
    from processor.kafka.reader import Record

IDS_SHOWN = 10
SHARE_TOLERANCE = 1e-9
VALUE_TOLERANCE = 1e-5  # a served model works in 32 bits


@dataclass
class Found:
    """The inputs of one collector.

    Attributes:
        ids: prediction id → how often it came.
        faults: inputs that are not what their prediction says.
    """

    ids: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    faults: list[str] = field(default_factory=list)


class Inputs:
    """Inputs as they were read back from the topics.

    Args:
        originals: prediction id → the input data that was predicted on.
        expected: collector → what it must come to.
    """

    def __init__(self, originals: Mapping[str, Mapping[str, Any]], expected: Mapping[str, Expected]) -> None:
        self.found: dict[str, Found] = defaultdict(Found)
        self._originals = originals
        self._expected = expected

    def add(self, record: Record) -> None:
        """Take one record of an inputs topic in."""
        headers = {name: value.decode() for name, value in record.headers}
        collector, prediction_id = (
            headers.get("collector", "(no collector header)"),
            headers.get("prediction-id", "(no prediction-id header)"),
        )
        found = self.found[collector]
        found.ids[prediction_id] += 1
        found.faults.extend(f"{prediction_id}: {fault}" for fault in self._faults(collector, prediction_id, record))

    def _faults(self, collector: str, prediction_id: str, record: Record) -> Iterator[str]:
        original, body = self._originals.get(prediction_id), orjson.loads(record.value or b"{}")
        key, data = input_id(collector, prediction_id), body.get("data", {})
        if (record.key or b"").decode() != key or body.get("id") != key:
            yield f"its input id must be {key}"
        if original is None:
            yield "there is no such prediction"
            return
        if data.get("image") != original["image"]:
            yield "the picture is not the one that was predicted on"
        metadata = dict(data.get("metadata", {}))
        mark = metadata.pop("collected", {})
        yield from self._mark_faults(collector, prediction_id, mark)
        yield from _second_faults(self._expected.get(collector), prediction_id, body, mark)
        if metadata != original.get("metadata", {}):
            yield "the metadata are not those of the prediction"

    def _mark_faults(self, collector: str, prediction_id: str, mark: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with ``metadata.collected``; whether it was to be collected at all is another question."""
        if (mark.get("collector"), mark.get("prediction_id")) != (collector, prediction_id):
            yield "metadata.collected names another collector or prediction than the headers"
        expected = self._expected.get(collector)
        share = expected.collected.get(prediction_id) if expected else None
        if share is not None and abs(mark.get("inclusion_probability", 0.0) - share) > SHARE_TOLERANCE:
            yield f"inclusion_probability must be {share}, not {mark.get('inclusion_probability')}"


class Delivered:
    """Inputs as the destination gave them back.

    Args:
        originals: prediction id → the input data that was predicted on.
        expected: collector → what it must come to.
    """

    def __init__(self, originals: Mapping[str, Mapping[str, Any]], expected: Mapping[str, Expected]) -> None:
        self.found: dict[str, Found] = defaultdict(Found)
        self._originals = originals
        self._expected = expected

    def add(self, posted: Posted) -> None:
        """Take one input of the destination in."""
        metadata = dict(posted.body.get("data", {}).get("metadata", {}))
        mark = metadata.pop("collected", {})
        collector, prediction_id = mark.get("collector", "(no collector)"), mark.get("prediction_id", "(no prediction id)")
        found = self.found[collector]
        found.ids[prediction_id] += 1
        if posted.body.get("id") != (key := input_id(collector, prediction_id)):
            found.faults.append(f"{prediction_id}: its id must be {key}")
        faults = _second_faults(self._expected.get(collector), prediction_id, posted.body, mark)
        found.faults.extend(f"{prediction_id}: {fault}" for fault in faults)
        original = self._originals.get(prediction_id)
        if original is None:
            found.faults.append(f"{prediction_id}: there is no such prediction")
            return
        if posted.image != base64.b64decode(original["image"]["base64"]):
            found.faults.append(f"{prediction_id}: the picture is not, byte by byte, the one that was predicted on")
        if metadata != original.get("metadata", {}):
            found.faults.append(f"{prediction_id}: the metadata are not those of the prediction")


def _second_faults(expected: Expected | None, prediction_id: str, body: Mapping[str, Any], mark: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with what the collector says of its inputs, and with what its post-queue workflow found."""
    if expected is None:
        return
    if (mark.get("tags", []), body.get("dataset_ids", [])) != (expected.tags, expected.dataset_ids):
        yield f"tags and dataset_ids must be {expected.tags} and {expected.dataset_ids}"
    wanted = expected.found.get(prediction_id) or {}
    found = {concept["id"]: concept["value"] for concept in body.get("data", {}).get("concepts", [])} if wanted else {}
    if wanted.keys() != found.keys() or any(abs(found[name] - value) > VALUE_TOLERANCE for name, value in wanted.items()):
        yield "its concepts are not what the second model says"


def queue_differences(expected: Mapping[str, Expected], queue: Iterable[tuple[str, str]]) -> list[str]:
    """Where the queue does not hold each candidate once, a line each.

    Args:
        expected: collector → what it must come to.
        queue: (collector, prediction id) of all that is there.
    """
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for collector, prediction_id in queue:
        found[collector][prediction_id] += 1
    wanted = {collector: each.candidates.keys() for collector, each in expected.items()}
    return [
        f"{collector}: {difference}"
        for collector in sorted({*found, *wanted})
        for difference in (
            *_listed("missing in the queue", sorted(wanted.get(collector, set()) - found[collector].keys())),
            *_listed("too much in the queue", sorted(found[collector].keys() - wanted.get(collector, set()))),
            *_listed("more than once in the queue", sorted(id_ for id_, times in found[collector].items() if times > 1)),
        )
    ]


def differences(expected: Mapping[str, Expected], inputs: Inputs, delivered: Delivered, funnel: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every difference, a line each; none: all is as it must be.

    Args:
        expected: collector → what it must come to.
        inputs: what was read back from the topics.
        delivered: what was read back from the destination.
        funnel: what ``status`` counts.
    """
    rows = {row["collector"]: row for row in funnel}
    nothing = Found()
    return [
        f"{collector}: {difference}"
        for collector in sorted({*expected, *inputs.found, *delivered.found, *rows})
        for difference in (
            *_of_collector(expected.get(collector), inputs.found.get(collector, nothing), rows.get(collector)),
            *_at_destination(inputs.found.get(collector, nothing), delivered.found.get(collector, nothing)),
        )
    ]


def sink_differences(funnel: Iterable[Mapping[str, Any]], sinks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Where the state of the sinks is not that everything was delivered, a line each."""
    collected: dict[str, int] = defaultdict(int)
    for row in funnel:
        collected[row["collector"].rpartition("/")[0]] += row["collected"]
    wanted = [{"app": app, "state": "RUNNING", "delivered": count, "refused": 0, "lag": 0} for app, count in sorted(collected.items())]
    found = list(sinks)
    return [] if found == wanted else [f"the sinks are {found}, and must be {wanted}"]


def _of_collector(expected: Expected | None, found: Found, row: Mapping[str, Any] | None) -> Iterator[str]:
    if expected is None:
        yield "there is no such collector among the documents"
        return
    yield from _listed("missing", sorted(expected.collected.keys() - found.ids.keys()))
    yield from _listed("too much", sorted(found.ids.keys() - expected.collected.keys()))
    yield from _listed("more than once", sorted(id_ for id_, times in found.ids.items() if times > 1))
    yield from _listed("not as predicted on", found.faults)
    yield from _counted(expected, row or {})


def _at_destination(collected: Found, delivered: Found) -> Iterator[str]:
    yield from _listed("collected and not posted", sorted(collected.ids.keys() - delivered.ids.keys()))
    yield from _listed("posted and not collected", sorted(delivered.ids.keys() - collected.ids.keys()))
    yield from _listed("posted more than once", sorted(id_ for id_, times in delivered.ids.items() if times > 1))
    yield from _listed("posted and not as predicted on", delivered.faults)


def _listed(what: str, items: list[str]) -> Iterator[str]:
    if items:
        more = f" and {len(items) - IDS_SHOWN} more" if len(items) > IDS_SHOWN else ""
        yield f"{len(items)} {what}: {', '.join(items[:IDS_SHOWN])}{more}"


def _counted(expected: Expected, row: Mapping[str, Any]) -> Iterator[str]:
    wanted = {
        "seen": expected.seen,
        "collected": len(expected.collected),
        "queued": 0,
        "reasons": dict(expected.reasons),
        "emptied_by": dict(expected.emptied_by),
    }
    for name, value in wanted.items():
        if row.get(name) != value:
            yield f"{name} is counted as {row.get(name)}, and must be {value}"
