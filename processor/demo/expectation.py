"""Both stages' evaluations together: what has to come out of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processor.demo.evaluation import Evaluation
from processor.demo.second_evaluation import SecondEvaluation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from processor.demo.evaluation import Expected


class Expectation:
    """What has to come out: of the first stage for each prediction by itself, of the second in the order of the queue.

    Args:
        documents: as they are applied, parsed YAML.
        answers: ``user/app/model`` → input id → what a second model says of it.

    Attributes:
        first: the evaluation of the first stage.
    """

    def __init__(self, documents: Sequence[Mapping[str, Any]], answers: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
        self.first = Evaluation(documents)
        self._second = SecondEvaluation(documents, answers)

    @property
    def expected(self) -> Mapping[str, Expected]:
        """Collector → what it must come to."""
        return self.first.expected

    @property
    def collected(self) -> int:
        """How many inputs there must be."""
        return sum(len(each.collected) for each in self.expected.values())

    def settle(self, queue: Iterable[tuple[str, str]]) -> None:
        """Judge what is in the queue as far as it belongs there; once, whatever else is wrong with it."""
        for collector, prediction_id in dict.fromkeys(queue):
            if collector in self.expected and prediction_id in self.expected[collector].candidates:
                self.first.settle(collector, prediction_id, self._second.judge)
