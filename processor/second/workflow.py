"""A post-queue workflow on one candidate: models are asked, operators applied, and what comes of it with which probability."""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from processor.engine.collector import Served
from processor.operators.random_sample import GROUPS, RandomSample, salt
from processor.second.data import original_data, placed, unite, unplaced

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from processor.engine.collector import PostWorkflow, Second, Step
    from processor.operators.base import Operator
    from processor.second.data import Data


log = logging.getLogger("collectors.post-queue")


class ModelGaveNothing(Exception):
    """A model failed for this candidate; the text says which and why."""


class Ask(Protocol):
    """Asks a model about one input."""

    async def __call__(self, model: Served, data: Data) -> Data:
        """What it says.

        Raises:
            ModelGaveNothing: it failed, for good.
        """


class Apply(Protocol):
    """Applies an operator to one candidate, as `Operate` does."""

    def __call__(self, operator: Operator, prediction: Mapping[str, Any], given: Data) -> Data | None:
        """What it gives; None: it is empty."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a workflow came to.

    Attributes:
        output: of all leaves together; None: every leaf is empty.
        lost_in_samples: it is empty, and samplers alone emptied it.
        probability: with which its samplers leave some leaf not empty.
    """

    output: Data | None
    lost_in_samples: bool = False
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """What one step gave; blamed: it is empty, and not by samplers alone."""

    data: Data | None
    blamed: bool = False


@dataclass(slots=True)
class Run:
    """One candidate's way through a workflow.

    Args:
        workflow: the steps.
        collector: ``user/app/collector``, whose samplers these are.
        prediction: the candidate's, fields as in the Avro schema.
        original: its input's data.
        apply: for operators.
        ask: for models.
    """

    workflow: PostWorkflow
    collector: str
    prediction: Mapping[str, Any]
    original: Data
    apply: Apply
    ask: Ask
    _answers: dict[tuple[int, bytes], Data] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workflow = self.workflow.in_parts

    async def verdict(self) -> Verdict:
        """Run it.

        Raises:
            ModelGaveNothing: a model that it needs failed.
        """
        operators = bound(self.workflow, self.collector)
        results = await self._results(operators, {})
        leaves = [results[position] for position in self.workflow.leaves]
        given = [leaf.data for leaf in leaves if leaf.data is not None]
        if not given:
            return Verdict(None, lost_in_samples=not any(leaf.blamed for leaf in leaves))
        return Verdict(unplaced(unite(given)), probability=await self._probability(operators))

    async def _probability(self, operators: Sequence[Operator | Served]) -> float:
        """Over all outcomes of the samplers that are neither certain to keep nor to drop (Horvitz and Thompson, 1952)."""
        shares = {i: each.share for i, each in enumerate(operators) if isinstance(each, RandomSample) and 0 < each.share < 1}
        total = 0.0
        for outcome in itertools.product((True, False), repeat=len(shares)):
            keeps = dict(zip(shares, outcome, strict=True))
            results = await self._results(operators, keeps)
            if any(results[position].data is not None for position in self.workflow.leaves):
                weight = 1.0
                for position, kept in keeps.items():
                    weight *= shares[position] if kept else 1 - shares[position]
                total += weight
        return total

    async def _results(self, operators: Sequence[Operator | Served], keeps: Mapping[int, bool]) -> list[Result]:
        """Every step's, in running order; ``keeps`` decides some samplers by hand."""
        results: list[Result] = []
        for position, step in enumerate(self.workflow.steps):
            inputs = [results[each] for each in step.inputs] or [Result(self.original)]
            given = [each.data for each in inputs if each.data is not None]
            sampler = isinstance(operators[position], RandomSample)
            if not given:
                results.append(Result(None, blamed=any(each.blamed for each in inputs)))
            elif position in keeps:
                results.append(Result(unite(given) if keeps[position] else None))
            else:
                data = await self._given(position, operators[position], unite(given))
                results.append(Result(data, blamed=data is None and not sampler))
        return results

    async def _given(self, position: int, runs: Operator | Served, given: Data) -> Data | None:
        if not isinstance(runs, Served):
            return self.apply(runs, self.prediction, given)
        key = (position, orjson.dumps(given, option=orjson.OPT_SORT_KEYS))
        if key not in self._answers:
            self._answers[key] = placed(await self.ask(runs, unplaced(given)), f"{position}")
        answer = self._answers[key]
        return answer if any(answer.values()) else None


def workflow_runner(apply: Apply, ask: Ask) -> Callable[[Second, str, Mapping[str, Any]], Coroutine[Any, Any, Verdict]]:
    """What runs the workflow of a collector on a prediction's original input."""

    async def run(second: Second, collector: str, prediction: Mapping[str, Any]) -> Verdict:
        if second.workflow is None:
            return Verdict({})
        try:
            return await Run(second.workflow, collector, prediction, original_data(prediction), apply, ask).verdict()
        except ModelGaveNothing:
            raise
        except Exception as error:  # one candidate's odd content must stop nobody else's, and must not go unseen
            log.exception("the post-queue workflow of %s could not be run", collector)
            raise ModelGaveNothing(f"the workflow could not be run: {type(error).__name__}; the log has the place") from None

    return run


def bound(workflow: PostWorkflow, collector: str) -> tuple[Operator | Served, ...]:
    """What each step runs, every sampler with a key of its own and a group no other has."""
    taken: set[int] = set()

    def seat(step: Step, sampler: RandomSample) -> RandomSample:
        key = f"{collector}/post-queue/{step.id}"
        group = next(group for i in range(GROUPS) if (group := (salt(key) + i) % GROUPS) not in taken)
        taken.add(group)
        return RandomSample(sampler.keep_fraction, key, group)

    return tuple(seat(step, step.runs) if isinstance(step.runs, RandomSample) else step.runs for step in workflow.steps)
