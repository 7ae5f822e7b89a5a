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

    Attributes:
        model_type_id: what documents call it.
        doc: one line on what it does.
        takes: the fields of an output that it looks at.
        gives: the fields that come out, where it does not pass the whole output through.
        passes_through: what comes out is the whole output, or nothing.
        params: the fields that ``params`` may have.
        takes_concepts: ``data.concepts`` may be given.
        before_queue: a pre-queue workflow may run it: it takes microseconds a prediction at most, and needs nothing but the prediction.
    """

    model_type_id: ClassVar[str]
    doc: ClassVar[str]
    takes: ClassVar[frozenset[str]]
    gives: ClassVar[frozenset[str]]
    passes_through: ClassVar[bool]
    params: ClassVar[frozenset[str]]
    takes_concepts: ClassVar[bool]
    before_queue: ClassVar[bool]

    @property
    def share(self) -> float | None:
        """The share that it keeps by a draw, which looks at nothing but the prediction's id; None: it draws nothing."""

    def parts(self) -> tuple[Operator, ...]:
        """What it does, one after the other, each either a draw or without one: what a draw leaves is counted by itself."""

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:
        """Read the parameters; problems are noted in ``info``, which raises them together afterwards."""

    def arc(self) -> Arc | None:
        """The predicate as an arc of the keys of the operator's input, None where it cannot be one."""

    def apply(self, rows: Rows, given: Output) -> Output:
        """What is left of the input."""


class Undivided:
    """What most operators have in common: one part, no draw, quick."""

    __slots__ = ()
    takes_concepts: ClassVar[bool] = False
    before_queue: ClassVar[bool] = True

    @property
    def share(self) -> float | None:
        """It draws nothing."""
        return None

    def parts(self: Operator) -> tuple[Operator, ...]:
        """Itself."""
        return (self,)

    def arc(self) -> Arc | None:
        """No arc, unless the operator has one."""
        return None


class PassThrough(Undivided):
    """An operator that passes its whole input or nothing."""

    __slots__ = ()
    gives: ClassVar[frozenset[str]] = frozenset()
    passes_through: ClassVar[bool] = True


class Reducing(Undivided):
    """An operator that gives an output of its own."""

    __slots__ = ()
    passes_through: ClassVar[bool] = False


class OperatorProblems(CollectorsError):
    """Everything wrong with an operator's ``output_info``.

    Attributes:
        problems: (field path from ``output_info`` on, message), in document order.
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{path}: {message}" for path, message in problems))
