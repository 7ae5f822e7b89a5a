"""Finds what must not be in a history. Pure: everything it knows is in the `History`, and the oracle says what had to happen.

A prediction's decisions, over all collectors, belong to one state of the catalog: that which its records name or, where it left none, any
that the catalog was in since it was produced. What that state's collectors take by the oracle has to be there, each once, each collector's
in the order of each source partition; nothing else may be. Of the second stage the queue is the ledger: its candidates, in their order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.history.history import Queued
from tests.support.oracle import judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.history.history import CatalogState, History, Produced, Taken

Decision = tuple[str, str]  # collector, prediction id
TAKEN = ("collected", "queued")


class Kind(StrEnum):
    """What may be wrong."""

    LOST = "lost"
    DOUBLED = "doubled"
    REORDERED = "reordered"
    ABORTED_READ = "aborted_read"
    IMPOSSIBLE = "impossible"
    MISCOUNTED = "miscounted"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and with what."""

    kind: Kind
    collector: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.collector} {self.subject}: {self.text}"


@dataclass
class Verdict:
    """What came of checking.

    Attributes:
        findings: everything that is wrong.
        expected: inputs and candidates that had to be there.
        read: inputs and candidates that were read.
        stalest_ms: the longest time after a write at which its predecessor was still decided with.
    """

    findings: list[Finding] = field(default_factory=list)
    expected: int = 0
    read: int = 0
    stalest_ms: float = 0.0

    def count(self, kind: Kind) -> int:
        return sum(finding.kind is kind for finding in self.findings)


def check(history: History) -> Verdict:
    """Hold a history to the oracle."""
    return _Check(history).verdict()


class _Check:
    """One pass over one history."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._produced = {each.id: each for each in history.produced}
        self._first = [taken for taken in history.committed if self._is_first(taken)]
        self._states = {state.version: number for number, state in enumerate(history.catalog)}
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._verdict = Verdict(read=len(history.committed))

    def verdict(self) -> Verdict:
        found = self._verdict.findings
        found += self._doubled()
        found += self._reordered()
        found += self._read_although_aborted()
        found += self._first_stage()
        found += self._second_stage()
        found += self._delivered()
        found += self._miscounted()
        return self._verdict

    def _is_first(self, taken: Taken) -> bool:
        """Whether the first stage made it: a candidate, or an input of a collector that has no second stage."""
        return taken.place.topic == self._history.queue or taken.collector not in self._history.second

    # Doubled, reordered, aborted

    def _doubled(self) -> Iterator[Finding]:
        for (collector, prediction, is_first), count in Counter(
            _identity(each, self._is_first(each)) for each in self._history.committed
        ).items():
            if count > 1:
                yield Finding(Kind.DOUBLED, collector, prediction, f"{count} {'decisions' if is_first else 'inputs of the second stage'}")

    def _reordered(self) -> Iterator[Finding]:
        logs: dict[tuple[str, str, int, int], list[tuple[int, str]]] = defaultdict(list)
        for taken in self._first:
            if (source := self._produced.get(taken.prediction)) is not None:
                log = logs[taken.collector, taken.place.topic, taken.place.partition, source.partition]
                log.append((source.offset, taken.prediction))
        for (collector, _, _, partition), log in logs.items():
            for (before, _), (after, prediction) in pairwise(log):
                if after < before:
                    yield Finding(Kind.REORDERED, collector, prediction, f"offset {after} of partition {partition} came after {before}")

    def _read_although_aborted(self) -> Iterator[Finding]:
        aborted, there = {each.place: each for each in self._history.aborted}, {each.place for each in self._history.committed}
        for place in sorted(set(self._history.read_live) - there):
            taken = aborted.get(place)
            who = (taken.collector, taken.prediction) if taken else ("", str(place))
            yield Finding(Kind.ABORTED_READ, *who, f"a reader was handed {place}, which is not committed")

    # The first stage

    def _first_stage(self) -> Iterator[Finding]:
        by_prediction: dict[str, list[Taken]] = defaultdict(list)
        for taken in self._first:
            by_prediction[taken.prediction].append(taken)
        for prediction in by_prediction.keys() - self._produced.keys():
            yield from (Finding(Kind.IMPOSSIBLE, each.collector, prediction, "never produced") for each in by_prediction[prediction])
        for source in self._history.produced:
            yield from self._decisions(source, by_prediction.get(source.id, []))

    def _decisions(self, source: Produced, taken: list[Taken]) -> Iterator[Finding]:
        versions = {each.version for each in taken}
        if len(versions) > 1:
            yield Finding(Kind.IMPOSSIBLE, "", source.id, f"decided with {len(versions)} states of the catalog: {sorted(versions)}")
        yield from self._impossible_versions(source, taken)
        keys = {each.collector for each in taken}
        outcomes, state = self._closest(source, keys, versions)
        for key, outcome in outcomes.items():
            self._counts[key][outcome] += 1
        wanted = {key for key, outcome in outcomes.items() if outcome in TAKEN}
        self._verdict.expected += len(wanted)
        for key in sorted(wanted - keys):
            yield Finding(Kind.LOST, key, source.id, f"taken by the catalog {state}, and not there")
        for key in sorted(keys - wanted):
            yield Finding(Kind.IMPOSSIBLE, key, source.id, f"not taken by the catalog {state}, but {outcomes.get(key)}")

    def _impossible_versions(self, source: Produced, taken: list[Taken]) -> Iterator[Finding]:
        for each in taken:
            number = self._states.get(each.version)
            if number is None:
                yield Finding(Kind.IMPOSSIBLE, each.collector, source.id, f"the catalog was never in state {each.version}")
            elif self._history.catalog[number].written_ms > each.at_ms:
                yield Finding(Kind.IMPOSSIBLE, each.collector, source.id, f"the catalog {each.version} was written only after the decision")
            elif (stale_ms := self._stale_ms(number, source)) > self._history.staleness_ms:
                text = f"the catalog {each.version} had been replaced {stale_ms:.0f} ms before it was produced"
                yield Finding(Kind.IMPOSSIBLE, each.collector, source.id, text)

    def _stale_ms(self, number: int, source: Produced) -> float:
        """How long before a prediction's being produced a state had been replaced."""
        if number + 1 == len(self._history.catalog):
            return 0.0
        stale_ms = max(0.0, source.at_ms - self._history.catalog[number + 1].written_ms)
        self._verdict.stalest_ms = max(self._verdict.stalest_ms, stale_ms)
        return stale_ms

    def _closest(self, source: Produced, keys: set[str], versions: set[str]) -> tuple[dict[str, str], str]:
        """Outcomes by the state that explains best what was taken; one that a record names, where there is a record."""
        states: Sequence[CatalogState] = [self._history.catalog[self._states[each]] for each in sorted(versions) if each in self._states]
        tried = [(_outcomes(state, source), state.version) for state in states or self._possible(source)]
        return min(tried, key=lambda one: len(keys ^ {key for key, outcome in one[0].items() if outcome in TAKEN}))

    def _possible(self, source: Produced) -> Sequence[CatalogState]:
        """The states since a prediction was produced, and what may still have been known then."""
        catalog = self._history.catalog
        since_ms = source.at_ms - self._history.staleness_ms
        return [state for state, after in zip(catalog, [*catalog[1:], None], strict=True) if after is None or after.written_ms >= since_ms]

    # The second stage

    def _second_stage(self) -> Iterator[Finding]:
        inputs: dict[str, list[str]] = defaultdict(list)
        for taken in self._history.committed:
            if not self._is_first(taken):
                inputs[taken.collector].append(taken.prediction)
        candidates: dict[str, list[Taken]] = defaultdict(list)
        for taken in self._first:
            if taken.place.topic == self._history.queue and taken.prediction in self._produced:
                candidates[taken.collector].append(taken)
        for key, judge_all in self._history.second.items():
            queued = candidates[key]
            outcomes = judge_all([Queued(self._produced[each.prediction].prediction, each.at_ms) for each in queued])
            self._counts[key].update(outcomes)
            self._counts[key]["queued"] -= len(queued)
            wanted = [each.prediction for each, outcome in zip(queued, outcomes, strict=True) if outcome == "collected"]
            self._verdict.expected += len(wanted)
            yield from _differences(key, wanted, inputs[key])

    # What was delivered and what was counted

    def _delivered(self) -> Iterator[Finding]:
        inputs: dict[str, dict[str, Taken]] = defaultdict(dict)
        for taken in self._history.committed:
            if taken.place.topic != self._history.queue:
                inputs[_app(taken.collector)][taken.key] = taken
        aborted = {taken.key: taken for taken in self._history.aborted}
        for app, stored in self._history.stored.items():
            there = set(stored)
            for key in sorted(inputs[app].keys() - there - set(self._history.refused)):
                taken = inputs[app][key]
                yield Finding(Kind.LOST, taken.collector, taken.prediction, f"its destination does not have input {key}")
            for key in sorted(there - inputs[app].keys()):
                kind = Kind.ABORTED_READ if key in aborted else Kind.IMPOSSIBLE
                yield Finding(kind, app, key, "its destination has an input that is not committed")

    def _miscounted(self) -> Iterator[Finding]:
        for key, counted in (self._history.counters or {}).items():
            wanted = {outcome: count for outcome, count in self._counts[key].items() if count}
            if wanted != {outcome: count for outcome, count in counted.items() if count}:
                yield Finding(Kind.MISCOUNTED, key, "", f"counted {dict(counted)}, and it was {wanted}")


def _identity(taken: Taken, is_first: bool) -> tuple[str, str, bool]:
    return taken.collector, taken.prediction, is_first


def _outcomes(state: CatalogState, source: Produced) -> dict[str, str]:
    """What each collector of a state does with a prediction that it sees."""
    found = ((key, judge(one, source.prediction, {})[0]) for key, one in state.collectors.items())
    return {key: outcome for key, outcome in found if outcome is not None}


def _differences(collector: str, wanted: Sequence[str], found: Sequence[str]) -> Iterator[Finding]:
    """Between inputs of the second stage as they had to come, in order, and as they came."""
    for prediction in Counter(wanted) - Counter(found):
        yield Finding(Kind.LOST, collector, prediction, "settled as collected by the queue's order, and not there")
    for prediction in set(found) - set(wanted):
        yield Finding(Kind.IMPOSSIBLE, collector, prediction, "not collected by the queue's order, and there")
    places = {prediction: place for place, prediction in enumerate(wanted)}
    known = [(places[prediction], prediction) for prediction in found if prediction in places]
    for (before, _), (after, prediction) in pairwise(known):
        if after < before:
            yield Finding(Kind.REORDERED, collector, prediction, "not in the order of the queue")


def _app(collector: str) -> str:
    return collector.rpartition("/")[0]


def summary(findings: Iterable[Finding]) -> Mapping[str, int]:
    """How many of each kind, every kind named."""
    counts = Counter(finding.kind for finding in findings)
    return {kind.value: counts[kind] for kind in Kind}
