"""What a post-queue workflow may come to, and what it does come to when it is the candidate's turn. Pure.

Workflows of many candidates run at once and end in any order, so a sampler that judges a candidate by those before it cannot decide
there. The workflow goes on both ways instead, and leaves a tree. When all earlier candidates of the collector are settled, the tree is
walked: every fork's probability is known then, the outcome is drawn, and the probability of all that would have kept the candidate adds
up to its inclusion probability (Horvitz and Thompson, 1952), given what came before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from processor.limits.stream import Stream
    from processor.operators.streaming import Streaming
    from processor.second.data import Data


@dataclass(frozen=True, slots=True)
class Leaf:
    """An end of a workflow.

    Attributes:
        output: of all its leaves together; None: every leaf is empty.
        blamed: it is empty, and not by samplers alone.
    """

    output: Data | None = None
    blamed: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """An end that is not known, because a model that it needs failed; which and why, for people."""

    why: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a random sample decided: by a hash, whatever came before."""

    probability: float
    keeps: bool


@dataclass(frozen=True, slots=True)
class Streamed:
    """What a streaming sampler will decide by.

    Attributes:
        part: the name of its memory.
        operator: itself.
        measured: of what reached it.
        draw: it keeps the candidate when this is below the probability.
    """

    part: str
    operator: Streaming
    measured: np.ndarray | None
    draw: float


@dataclass(frozen=True, slots=True)
class Fork:
    """A sampler that something reached, and what follows when it keeps and when it drops it."""

    sampler: Drawn | Streamed
    kept: Tree
    dropped: Tree


if TYPE_CHECKING:
    Tree = Leaf | Failed | Fork
    Chances = dict[int, float]
    """By the identity of the sampler in this tree."""

UNEXPLORED = Leaf()
"""Where no model was asked, since nothing can come of it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a workflow came to.

    Attributes:
        output: None: it is empty.
        lost_in_samples: it is empty, and samplers alone emptied it.
        probability: with which its samplers leave it not empty.
        failed: a model failed, and why; empty: none did that matters.
    """

    output: Data | None
    lost_in_samples: bool = False
    probability: float = 1.0
    failed: str = ""


class _Unknown(Exception):
    """The inclusion probability depends on a model that failed."""


def hopeful(tree: Tree) -> bool:
    """Whether any end of it, as far as it was explored, is not empty."""
    if isinstance(tree, Fork):
        return hopeful(tree.kept) or hopeful(tree.dropped)
    return isinstance(tree, Leaf) and tree.output is not None


def resolve(tree: Tree, stream_of: Callable[[str], Stream]) -> Verdict:
    """Decide, and remember what reached the samplers on the way.

    A candidate is remembered whether it is kept or not, and whatever the collector's limits make of it; one whose models failed is not.

    Args:
        tree: of the candidate whose turn it is.
        stream_of: a streaming sampler's memory by its name.
    """
    chances: Chances = {}
    way, end = _way(tree, stream_of, chances)
    if isinstance(end, Failed):
        return Verdict(None, failed=end.why)
    try:
        probability = 1.0 if end.output is None else _probability(tree, stream_of, chances)
    except _Unknown as unknown:
        return Verdict(None, failed=str(unknown))
    for sampler, chance in way:
        sampler.operator.remember(stream_of(sampler.part), sampler.measured, chance)
    return Verdict(end.output, end.output is None and not end.blamed, probability)


def _way(tree: Tree, stream_of: Callable[[str], Stream], chances: Chances) -> tuple[list[tuple[Streamed, float]], Leaf | Failed]:
    """The streaming samplers that are reached, with their probabilities, and the end."""
    way: list[tuple[Streamed, float]] = []
    while isinstance(tree, Fork):
        probability = _chance(tree.sampler, stream_of, chances)
        if isinstance(tree.sampler, Streamed):
            way.append((tree.sampler, probability))
        tree = tree.kept if _keeps(tree.sampler, probability) else tree.dropped
    return way, tree


def _keeps(sampler: Drawn | Streamed, probability: float) -> bool:
    return sampler.keeps if isinstance(sampler, Drawn) else sampler.draw < probability


def _chance(sampler: Drawn | Streamed, stream_of: Callable[[str], Stream], chances: Chances) -> float:
    """A streaming sampler looks at its whole window, so each is asked once, although both ways of a fork may lead to it."""
    if isinstance(sampler, Drawn):
        return sampler.probability
    if id(sampler) not in chances:
        chances[id(sampler)] = sampler.operator.probability(stream_of(sampler.part), sampler.measured)
    return chances[id(sampler)]


def _probability(tree: Tree, stream_of: Callable[[str], Stream], chances: Chances) -> float:
    """Of coming to an end that is not empty; what cannot happen does not count, so a model may have failed there."""
    if isinstance(tree, Failed):
        raise _Unknown(tree.why)
    if isinstance(tree, Leaf):
        return float(tree.output is not None)
    chance = _chance(tree.sampler, stream_of, chances)
    kept = chance * _probability(tree.kept, stream_of, chances) if chance > 0 else 0.0
    return kept + ((1 - chance) * _probability(tree.dropped, stream_of, chances) if chance < 1 else 0.0)
