"""Sub-plans and what they give on a frame. Equal sub-plans have one number, so each is evaluated once a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from processor.operators.content import Output
from processor.operators.union import unite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.engine.frame import Frame
    from processor.operators.base import Operator

ROOT = -1
"""The number that stands for the prediction's own output."""


@dataclass(frozen=True, slots=True)
class Subplan:
    """One part of an operator and the sub-plans it reads.

    Attributes:
        operator: the part; draws are bound to their node.
        inputs: numbers of sub-plans, or ``(ROOT,)``.
        samplers: numbers of the samplers in it that are neither certain to keep nor to drop, itself included.
    """

    operator: Operator
    inputs: tuple[int, ...]
    samplers: frozenset[int] = frozenset()

    @property
    def uncertain(self) -> bool:
        """It draws, and may come out either way."""
        share = self.operator.share
        return share is not None and 0 < share < 1


class Subplans:
    """Sub-plans by number. Only ever grows."""

    def __init__(self) -> None:
        self._plans: list[Subplan] = []
        self._numbers: dict[tuple[Operator, tuple[int, ...]], int] = {}

    def __getitem__(self, number: int) -> Subplan:
        return self._plans[number]

    def number(self, operator: Operator, inputs: tuple[int, ...]) -> int:
        """The number of an operator over some sub-plans."""
        number = self._numbers.setdefault((operator, inputs), len(self._plans))
        if number == len(self._plans):
            samplers = frozenset[int]().union(*(self._plans[i].samplers for i in inputs if i != ROOT))
            if Subplan(operator, inputs).uncertain:
                samplers |= {number}
            self._plans.append(Subplan(operator, inputs, samplers))
        return number


@dataclass(frozen=True, slots=True)
class Result:
    """What a sub-plan gives.

    Attributes:
        output: what comes out.
        failed: bool [rows]: something came in and nothing came out.
        blamed: bool [rows]: empty, and not by samplers alone.
    """

    output: Output
    failed: np.ndarray
    blamed: np.ndarray


class Evaluation:
    """The results on one frame, each evaluated when it is first asked for.

    ``forced`` decides some samplers by hand (number → keeps), for :mod:`processor.engine.inclusion`.
    """

    def __init__(self, frame: Frame, subplans: Subplans) -> None:
        self.frame = frame
        self._subplans = subplans
        nothing = np.zeros(frame.size, bool)
        self._root = Result(frame.output, nothing, nothing)
        self._results: dict[tuple[int, frozenset[int] | None], Result] = {}

    def result(self, number: int, forced: frozenset[int] | None = None) -> Result:
        """What a sub-plan gives.

        Args:
            number: of the sub-plan.
            forced: the samplers that keep everything, all others drop everything; None: they draw.
        """
        if number == ROOT:
            return self._root
        plan = self._subplans[number]
        key = (number, None if forced is None else forced & plan.samplers)
        if key not in self._results:
            self._results[key] = self._evaluate(plan, number, [self.result(i, forced) for i in plan.inputs], forced)
        return self._results[key]

    def forget_combinations(self) -> None:
        """Give back what hangs on several samplers: of those results there are most, and they are the least often asked for again."""
        self._results = {key: result for key, result in self._results.items() if len(self._subplans[key[0]].samplers) <= 1}

    def _evaluate(self, plan: Subplan, number: int, inputs: Sequence[Result], forced: frozenset[int] | None) -> Result:
        given = inputs[0].output if len(inputs) == 1 else unite([result.output for result in inputs])
        if forced is not None and plan.uncertain:
            output = given if number in forced else Output(np.zeros_like(given.present), given.content)
        else:
            output = plan.operator.apply(self.frame, given)
        failed = given.present & ~output.present
        inherited = np.logical_or.reduce([result.blamed for result in inputs]) & ~given.present
        return Result(output, failed, inherited | failed if plan.operator.share is None else inherited)
