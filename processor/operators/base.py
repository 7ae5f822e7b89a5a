"""What every operator has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

from processor.errors import CollectorsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from processor.operators.arc import Arc
    from processor.operators.content import Output, Vocabulary
    from processor.operators.output_info import OutputInfo


class Relation(NamedTuple):
    """One relation of a knowledge graph; ``subject`` and ``object`` are concept ids."""

    subject: str
    predicate: str
    object: str


if TYPE_CHECKING:
    GraphOf = Callable[[str], tuple[Relation, ...] | None]
    """The relations of a knowledge graph by its id, None where there is no such graph."""


class Rows(Protocol):
    """The predictions being judged, whatever their outputs went through before."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The numbers of concept ids."""

    def draws(self, group: int) -> np.ndarray:
        """The hashes of the prediction ids in one group, uint64 [rows]."""

    @property
    def documents(self) -> tuple[np.ndarray, Callable[[int], Mapping[str, Any]]]:
        """The inputs' metadata: a number for each row (equal ones mostly have one number), and the document of a number."""


class Operator(Protocol):
    """A model type that this system runs itself: frozen, hashable parameters and one vector function.

    Equal operators on equal inputs are evaluated once a batch, so ``apply`` depends on nothing else.
    """

    model_type_id: ClassVar[str]
    doc: ClassVar[str]
    takes: ClassVar[frozenset[str]]
    gives: ClassVar[frozenset[str]]
    passes_through: ClassVar[bool]
    params: ClassVar[frozenset[str]]
    takes_concepts: ClassVar[bool]

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:
        """Read the parameters; problems are noted in ``info``, which raises them together afterwards."""

    def arc(self) -> Arc | None:
        """The predicate as an arc of the keys of the operator's input, None where it cannot be one."""

    def apply(self, rows: Rows, given: Output) -> Output:
        """What is left of the input."""


class OperatorProblems(CollectorsError):
    """Everything wrong with an operator's ``output_info``.

    Attributes:
        problems: (field path from ``output_info`` on, message), in document order.
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{path}: {message}" for path, message in problems))
