"""The checker finds nothing in what a correct run leaves behind, and whatever is done to such a history is found and named."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.history.checker import TAKEN, Kind, check
from tests.history.history import CatalogState, History, Place, Produced, Queued, Taken
from tests.support.oracle import judge
from tests.support.rewrites import KEYED, THERE_AND_BACK, WITNESS
from tests.support.second_oracle import SecondOracle
from tests.support.world import COLLECTORS, plain, predictions

if TYPE_CHECKING:
    from collections.abc import Callable

CAPPED = plain("second/capped", random_sample=0.5, second_stage=True)
FIRST = {one["key"]: one for one in (*COLLECTORS, KEYED, CAPPED)}
TICK_MS = 10
STALENESS_MS = 500


def everything(given: Any) -> list[str]:
    """A second stage that takes all."""
    return ["collected"] * len(given)


def at_most_five(given: Any) -> list[str]:
    """A second stage with a quota."""
    oracle = SecondOracle({"total": 5}, None)
    return [oracle.judge({}, each.prediction["predicted_at"]) for each in given]


SECOND = {"acme/second/queued": everything, CAPPED["key"]: at_most_five}


@dataclass
class Run:
    """A correct run, played by chance: partitions are decided a batch at a time, some batches abort first, the catalog changes."""

    rng: random.Random
    witness: bool = True
    states: list[CatalogState] = field(default_factory=list)
    produced: list[Produced] = field(default_factory=list)
    committed: list[Taken] = field(default_factory=list)
    aborted: list[Taken] = field(default_factory=list)
    counters: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    ends: Counter[tuple[str, int]] = field(default_factory=Counter)
    now_ms: float = 0.0

    def play(self, count: int) -> History:
        self._rewrite({**FIRST, **({WITNESS["key"]: WITNESS} if self.witness else {})})
        waiting: list[Produced] = []
        for prediction in predictions(count, self.rng.randrange(1000)):
            self.now_ms += TICK_MS
            partition = self.rng.randrange(3)
            waiting.append(Produced(prediction, partition, self._end("predictions", partition), self.now_ms))
            if self.rng.random() < 0.1:
                self._rewrite(self.states[-1].collectors | self.rng.choice(self.rng.choice(THERE_AND_BACK)).after)
            if self.rng.random() < 0.2:
                waiting = self._decide(waiting, self.rng.randrange(3))
        for partition in range(3):
            waiting = self._decide(waiting, partition)
        self._settle()
        return self._history()

    def _rewrite(self, collectors: Any) -> None:
        self.states.append(CatalogState(f"{len(self.states):04x}", self.now_ms, collectors))

    def _decide(self, waiting: list[Produced], partition: int) -> list[Produced]:
        mine = [each for each in waiting if each.partition == partition]
        if self.rng.random() < 0.3:
            self.aborted += self._records(mine)
        self.committed += self._records(mine, counts=True)
        self.produced += mine
        return [each for each in waiting if each.partition != partition]

    def _records(self, batch: list[Produced], *, counts: bool = False) -> list[Taken]:
        state, found = self.states[-1], []
        for each in batch:
            for key, one in state.collectors.items():
                outcome = judge(one, each.prediction, {})[0]
                if counts and outcome:
                    self.counters[key][outcome] += 1
                if outcome in TAKEN:
                    found.append(self._taken("queue" if outcome == "queued" else "inputs", key, each.id, state.version))
        return found

    def _settle(self) -> None:
        by_id = {each.id: each.prediction for each in self.produced}
        for key, judge_all in SECOND.items():
            queued = [each for each in self.committed if each.place.topic == "queue" and each.collector == key]
            outcomes = judge_all([Queued(by_id[each.prediction], each.at_ms) for each in queued])
            self.counters[key].update([*outcomes])
            self.counters[key]["queued"] -= len(queued)
            for each, outcome in zip(queued, outcomes, strict=True):
                if outcome == "collected":
                    self.committed.append(self._taken("inputs", key, each.prediction, self.states[-1].version))

    def _taken(self, topic: str, collector: str, prediction: str, version: str) -> Taken:
        place = Place(topic, 0, self._end(topic, 0))
        return Taken(place, collector, prediction, version, self.now_ms, f"{collector} {prediction}" if topic == "inputs" else collector)

    def _end(self, topic: str, partition: int) -> int:
        self.ends[topic, partition] += 1
        return self.ends[topic, partition]

    def _history(self) -> History:
        stored = {
            app: {each.key for each in self.committed if each.key.startswith(f"{app}/") and each.place.topic == "inputs"}
            for app in ("acme/quality", "acme/second")
        }
        return History(
            self.produced,
            self.states,
            self.committed,
            self.aborted,
            read_live={each.place for each in self.committed[::2]},
            second=SECOND,
            # Without a witness nobody knows which catalog decided what left no records, and so what it was counted under.
            counters=self.counters if self.witness else None,
            stored=stored,
            staleness_ms=STALENESS_MS,
        )


def a_run(seed: int, *, witness: bool = True, count: int = 70) -> History:
    return Run(chance(seed), witness).play(count)


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a test's data, the same for a seed


def lose(history: History, rng: random.Random) -> History:
    gone = rng.choice(history.committed)
    return replace(history, committed=[each for each in history.committed if each is not gone])


def lose_an_input_of_the_second_stage(history: History, rng: random.Random) -> History:
    gone = rng.choice([each for each in history.committed if each.place.topic == "inputs" and each.collector in SECOND])
    return replace(history, committed=[each for each in history.committed if each is not gone])


def lose_on_the_way_to_the_destination(history: History, rng: random.Random) -> History:
    app = rng.choice([app for app, ids in sorted(history.stored.items()) if ids])
    gone = rng.choice(sorted(history.stored[app]))
    return replace(history, stored={**history.stored, app: set(history.stored[app]) - {gone}})


def double(history: History, rng: random.Random) -> History:
    again = rng.choice(history.committed)
    return replace(history, committed=[*history.committed, replace(again, place=Place(again.place.topic, 0, 10**6))])


def reorder(history: History, rng: random.Random) -> History:
    """Swap two neighbours of one collector and one source partition."""
    by_id = {each.id: each for each in history.produced}
    logs: dict[Any, list[int]] = defaultdict(list)
    for number, each in enumerate(history.committed):
        if each.place.topic == "queue" or each.collector not in SECOND:
            logs[each.collector, by_id[each.prediction].partition].append(number)
    log = rng.choice([log for log in logs.values() if len(log) > 1])
    place = rng.randrange(len(log) - 1)
    one, other = log[place], log[place + 1]
    changed = list(history.committed)
    changed[one], changed[other] = changed[other], changed[one]
    return replace(history, committed=changed)


def reorder_the_second_stage(history: History, _: random.Random) -> History:
    mine = [number for number, each in enumerate(history.committed) if each.place.topic == "inputs" and each.collector == CAPPED["key"]]
    changed = list(history.committed)
    changed[mine[0]], changed[mine[1]] = changed[mine[1]], changed[mine[0]]
    return replace(history, committed=changed)


def read_what_was_aborted(history: History, rng: random.Random) -> History:
    return replace(history, read_live={*history.read_live, rng.choice(history.aborted).place})


def post_what_was_aborted(history: History, _: random.Random) -> History:
    """An input that was aborted and never committed, as that of a producer that was never heard of again."""
    never = Taken(Place("inputs", 0, 10**6), "acme/second/random", "p-none", history.catalog[0].version, 0.0, "never")
    stored = {**history.stored, "acme/second": {*history.stored["acme/second"], "never"}}
    return replace(history, aborted=[*history.aborted, never], stored=stored)


def decide_with_a_state_that_never_was(history: History, rng: random.Random) -> History:
    return changed_version(history, rng, "ffff")


def decide_with_a_later_state(history: History, rng: random.Random) -> History:
    later = CatalogState("eeee", 10**9, history.catalog[-1].collectors)
    return changed_version(replace(history, catalog=[*history.catalog, later]), rng, "eeee")


def decide_with_a_state_long_gone(history: History, rng: random.Random) -> History:
    ancient = CatalogState("0000", -2.0 * STALENESS_MS, history.catalog[0].collectors)
    beginning = replace(history.catalog[0], version="0000a", written_ms=-1.5 * STALENESS_MS)
    history = replace(history, catalog=[ancient, beginning, *(replace(s, version=f"{s.version}+") for s in history.catalog)])
    renamed = [replace(each, version=f"{each.version}+") for each in history.committed]
    return changed_version(replace(history, committed=renamed), rng, "0000")


def changed_version(history: History, rng: random.Random, version: str) -> History:
    """All decisions of one prediction say another state."""
    which = rng.choice([each.prediction for each in history.committed])
    changed = [replace(each, version=version) if each.prediction == which else each for each in history.committed]
    return replace(history, committed=changed)


def decide_with_two_states(history: History, rng: random.Random) -> History:
    counts = Counter(each.prediction for each in history.committed if each.collector not in SECOND)
    which = rng.choice([each for each in history.committed if counts[each.prediction] > 1 and each.collector not in SECOND])
    other = next(state.version for state in history.catalog if state.version != which.version)
    return replace(history, committed=[replace(each, version=other) if each is which else each for each in history.committed])


def take_what_no_state_takes(history: History, rng: random.Random) -> History:
    there = {(each.collector, each.prediction) for each in history.committed}
    paused = "acme/second/paused"
    source = rng.choice([each for each in history.produced if (WITNESS["key"], each.id) in there])
    version = next(each.version for each in history.committed if each.prediction == source.id)
    return replace(history, committed=[*history.committed, Taken(Place("inputs", 0, 10**6), paused, source.id, version, 10**9, "x")])


def take_what_was_never_produced(history: History, rng: random.Random) -> History:
    which = rng.choice(history.committed)
    more = replace(which, prediction="p-none", place=Place(which.place.topic, 0, 10**6))
    return replace(history, committed=[*history.committed, more])


def exceed_a_quota(history: History, _: random.Random) -> History:
    """The second stage collects a candidate more than its quota lets through."""
    queued = [each for each in history.committed if each.place.topic == "queue" and each.collector == CAPPED["key"]]
    more = replace(queued[-1], place=Place("inputs", 0, 10**6), key="y")
    return replace(history, committed=[*history.committed, more])


def miscount(history: History, rng: random.Random) -> History:
    assert history.counters is not None
    key = rng.choice(sorted(history.counters))
    changed = Counter(history.counters[key]) + Counter({"not_sampled": 1})
    return replace(history, counters={**history.counters, key: changed})


PLANTED: tuple[tuple[Callable[[History, random.Random], History], Kind], ...] = (
    (lose, Kind.LOST),
    (lose_an_input_of_the_second_stage, Kind.LOST),
    (lose_on_the_way_to_the_destination, Kind.LOST),
    (double, Kind.DOUBLED),
    (reorder, Kind.REORDERED),
    (reorder_the_second_stage, Kind.REORDERED),
    (read_what_was_aborted, Kind.ABORTED_READ),
    (post_what_was_aborted, Kind.ABORTED_READ),
    (decide_with_a_state_that_never_was, Kind.IMPOSSIBLE),
    (decide_with_a_later_state, Kind.IMPOSSIBLE),
    (decide_with_a_state_long_gone, Kind.IMPOSSIBLE),
    (decide_with_two_states, Kind.IMPOSSIBLE),
    (take_what_no_state_takes, Kind.IMPOSSIBLE),
    (take_what_was_never_produced, Kind.IMPOSSIBLE),
    (exceed_a_quota, Kind.IMPOSSIBLE),
    (miscount, Kind.MISCOUNTED),
)
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=50)
@given(seed=seeds, witness=st.booleans())
def test_a_correct_run_has_no_findings(seed: int, witness: bool) -> None:
    history = a_run(seed, witness=witness)
    verdict = check(history)
    assert not verdict.findings
    assert verdict.expected == verdict.read == len(history.committed)


@pytest.mark.parametrize(("plant", "kind"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
@settings(max_examples=15)
@given(seed=seeds)
def test_a_planted_defect_is_found_and_named(plant: Callable[[History, random.Random], History], kind: Kind, seed: int) -> None:
    history = a_run(seed)
    assume(history.aborted)
    assert kind in {finding.kind for finding in check(plant(history, chance(seed))).findings}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_finding_has_a_planted_defect(kind: Kind) -> None:
    assert kind in {planted for _, planted in PLANTED}


@settings(max_examples=15)
@given(seed=seeds)
def test_a_lost_input_is_named_with_its_collector_and_prediction(seed: int) -> None:
    history, rng = a_run(seed), chance(seed)
    gone = rng.choice(history.committed)
    findings = check(replace(history, committed=[each for each in history.committed if each is not gone])).findings
    assert (Kind.LOST, gone.collector, gone.prediction) in {(each.kind, each.collector, each.subject) for each in findings}
