"""A post-queue workflow on one candidate: models are asked, operators applied, and what may come of it, as a tree of its samplers."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from processor.engine.collector import Served
from processor.operators.random_sample import GROUPS, RandomSample, salt
from processor.operators.streaming import Streaming, draw
from processor.second.data import original_data, placed, unite, unplaced
from processor.second.tree import UNEXPLORED, Drawn, Failed, Fork, Leaf, Streamed, hopeful

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from processor.engine.collector import PostWorkflow, Second, Step
    from processor.operators.base import Operator
    from processor.second.data import Data
    from processor.second.tree import Tree


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
    _operators: tuple[Operator | Served, ...] = ()
    _answers: dict[tuple[int, bytes], Data | ModelGaveNothing] = field(default_factory=dict)
    _draws: dict[int, Drawn] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workflow = self.workflow.in_parts
        self._operators = bound(self.workflow, self.collector)

    async def tree(self) -> Tree:
        """Run it, as far as anything can come of it.

        What can really happen comes first: a model behind a random sample that dropped the candidate is asked only when the candidate
        may be collected all the same, and its inclusion probability is wanted.
        """
        tree = await self._explore([], whole=False)
        return await self._explore([], whole=True) if self._draws and hopeful(tree) else tree

    async def _explore(self, results: list[Result], *, whole: bool) -> Tree:
        """What follows when the first steps gave these results; ``whole``: also what random samples decided otherwise."""
        results = list(results)
        for position in range(len(results), len(self.workflow.steps)):
            inputs = [results[each] for each in self.workflow.steps[position].inputs] or [Result(self.original)]
            parts = [each.data for each in inputs if each.data is not None]
            if not parts:
                results.append(Result(None, blamed=any(each.blamed for each in inputs)))
                continue
            given = unite(parts)
            if (sampler := self._sampler(position, given)) is not None:
                return await self._fork(sampler, results, given, whole=whole)
            try:
                results.append(await self._result(position, given))
            except ModelGaveNothing as error:
                return Failed(str(error))
        return self._leaf(results)

    async def _fork(self, sampler: Drawn | Streamed, results: list[Result], given: Data, *, whole: bool) -> Fork:
        """Both ways, or the one that was drawn."""
        ways = [
            await self._explore([*results, Result(data)], whole=whole)
            if whole or isinstance(sampler, Streamed) or sampler.keeps == (data is not None)
            else UNEXPLORED
            for data in (given, None)
        ]
        return Fork(sampler, *ways)

    def _leaf(self, results: Sequence[Result]) -> Leaf:
        leaves = [results[position] for position in self.workflow.leaves]
        given = [leaf.data for leaf in leaves if leaf.data is not None]
        return Leaf(unplaced(unite(given))) if given else Leaf(None, any(leaf.blamed for leaf in leaves))

    def _sampler(self, position: int, given: Data) -> Drawn | Streamed | None:
        """The sampler at a step, unless it is certain to keep or to drop."""
        runs = self._operators[position]
        if isinstance(runs, Streaming):
            node = self.workflow.steps[position].id
            found = given.get(runs.reads) or self.prediction["output"]["data"].get(runs.reads) or ()
            drawn = draw(f"{self.collector}/post-queue/{node}/{runs.model_type_id}", self.prediction["id"])
            return Streamed(runs.part(node), runs, runs.measure(found), drawn)
        if not isinstance(runs, RandomSample) or not 0 < runs.share < 1:
            return None
        if position not in self._draws:
            self._draws[position] = Drawn(runs.share, self.apply(runs, self.prediction, given) is not None)
        return self._draws[position]

    async def _result(self, position: int, given: Data) -> Result:
        runs = self._operators[position]
        data = await self._answer(position, runs, given) if isinstance(runs, Served) else self.apply(runs, self.prediction, given)
        return Result(data, blamed=data is None and not isinstance(runs, RandomSample))

    async def _answer(self, position: int, model: Served, given: Data) -> Data | None:
        """What a model says; it is asked once about the same data, even when it fails."""
        key = (position, orjson.dumps(given, option=orjson.OPT_SORT_KEYS))
        if key not in self._answers:
            try:
                self._answers[key] = placed(await self.ask(model, unplaced(given)), f"{position}")
            except ModelGaveNothing as error:
                self._answers[key] = error
        answer = self._answers[key]
        if isinstance(answer, ModelGaveNothing):
            raise answer
        return answer if any(answer.values()) else None


def workflow_runner(apply: Apply, ask: Ask) -> Callable[[Second, str, Mapping[str, Any]], Coroutine[Any, Any, Tree]]:
    """What runs the workflow of a collector on a prediction's original input."""

    async def run(second: Second, collector: str, prediction: Mapping[str, Any]) -> Tree:
        if second.workflow is None:
            return Leaf({})
        try:
            return await Run(second.workflow, collector, prediction, original_data(prediction), apply, ask).tree()
        except Exception as error:  # one candidate's odd content must stop nobody else's, and must not go unseen
            log.exception("the post-queue workflow of %s could not be run", collector)
            return Failed(f"the workflow could not be run: {type(error).__name__}; the log has the place")

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
