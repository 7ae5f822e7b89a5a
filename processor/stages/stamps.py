"""What all inputs of a collector share, made once a collector and inclusion probability, and found for a batch without a look at each."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from processor.codec.input_bodies import Stamps
from processor.codec.inputs import Collected

if TYPE_CHECKING:
    from collections.abc import Callable

    from processor.engine.collector import Collector, Watchers

STAMPS_MAX = 100_000
_NO_PLACE = -1


class Stamp(NamedTuple):
    """One collector's.

    Attributes:
        of: the collector.
        topic: of its inputs.
        collector, probability: two of its headers.
    """

    of: Collector
    topic: str
    collector: tuple[str, bytes]
    probability: tuple[str, bytes]


class _Known(NamedTuple):
    """Of watchers: the place of each one's stamp (int64), and the inclusion probability that it is of; `book` is whose places they are."""

    book: object
    places: np.ndarray
    shares: np.ndarray


class StampBook:
    """All stamps of a process.

    Args:
        topic_of: the topic of a collector's inputs, by its key.

    Attributes:
        texts: their parts of bodies, by place.
        made: themselves, by place.
    """

    def __init__(self, topic_of: Callable[[str], str]) -> None:
        self._topic_of = topic_of
        self._forget()

    def of(self, watchers: Watchers, collectors: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
        """Places of the stamps of some collectors (positions among the watchers) with some inclusion probabilities, int64."""
        if len(self.made) + len(collectors) > STAMPS_MAX:
            self._forget()
        known = self._known(watchers)
        places: np.ndarray = known.places[collectors]
        for i in np.flatnonzero((places == _NO_PLACE) | (known.shares[collectors] != inclusion)).tolist():
            position = collectors[i]
            places[i] = known.places[position] = self._place(watchers.collectors[position], float(inclusion[i]))
            known.shares[position] = inclusion[i]
        return places

    def _forget(self) -> None:
        self.texts = Stamps()
        self.made: list[Stamp] = []
        self._places: dict[tuple[str, float], int] = {}

    def _known(self, watchers: Watchers) -> _Known:
        """Kept on the watchers, which are made anew when one of them changes."""
        known: _Known | None = watchers.__dict__.get("_stamps")
        if known is None or known.book is not self.texts:
            size = len(watchers.collectors)
            known = watchers.__dict__["_stamps"] = _Known(self.texts, np.full(size, _NO_PLACE), np.zeros(size))
        return known

    def _place(self, collector: Collector, probability: float) -> int:
        """A collector that has changed is another object, and gets another stamp."""
        place = self._places.get((collector.key, probability))
        if place is None or self.made[place].of is not collector:
            headers = ("collector", collector.key.encode()), ("inclusion-probability", decimal(probability))
            self.made.append(Stamp(collector, self._topic_of(collector.key), *headers))
            place = self._places[collector.key, probability] = self.texts.add(collected(collector, "", probability))
        return place


def collected(collector: Collector, prediction_id: str, probability: float) -> Collected:
    """Where an input of a collector comes from."""
    return Collected(
        collector.key,
        prediction_id,
        collector.source.model,
        probability,
        collector.collect_outputs,
        collector.tags,
        collector.dataset_ids,
    )


@lru_cache(maxsize=10_000)
def decimal(probability: float) -> bytes:
    """A collector's inputs share theirs, and writing one out takes as long as a whole JSON body."""
    return repr(probability).encode()
