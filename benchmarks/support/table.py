"""The rows of the pipeline benchmark: as JSON has them, and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BESIDE = {"x floor": "floor", "x streams": "kafka-streams", "x quix": "quix", "x loop": "fastavro-loop"}
NOTE = "*: not exactly once (no transactions); its records may be lost or doubled when something fails"


class Row(NamedTuple):
    """What a contender came to.

    Attributes:
        contender: its name.
        collectors: how many watched.
        records_per_s: predictions.
        outputs: inputs written in the turn.
        cpu_s: processor time that ``records`` predictions take.
        records: predictions that it was given.
        exactly_once: outputs and offsets are one transaction.
    """

    contender: str
    collectors: int
    records_per_s: int
    outputs: int
    cpu_s: float
    records: int
    exactly_once: bool

    @property
    def us_per_record(self) -> float:
        """Processor time a prediction, in microseconds."""
        return self.cpu_s / self.records * 1e6


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines; the last columns are records/s in proportion to those of another contender with as many collectors."""
    others = {title: name for title, name in BESIDE.items() if any(row.contender == name for row in rows)}
    heads = "".join(f"{title:>11}" for title in others)
    yield f"{'contender':<15}{'collectors':>11}{'records':>11}{'outputs':>9}{'records/s':>12}{'cpu s':>9}{'µs/record':>11}{heads}"
    speeds = {(row.collectors, row.contender): row.records_per_s for row in rows}
    for row in rows:
        yield _line(row, [speeds.get((row.collectors, name)) for name in others.values()])
    if not all(row.exactly_once for row in rows):
        yield NOTE


def _line(row: Row, others: Sequence[int | None]) -> str:
    name = row.contender if row.exactly_once else f"{row.contender}*"
    against = "".join(f"{row.records_per_s / other:>11.2f}" if other else f"{'-':>11}" for other in others)
    counts = f"{row.collectors:>11,}{row.records:>11,}{row.outputs:>9,}"
    return f"{name:<15}{counts}{row.records_per_s:>12,}{row.cpu_s:>9.2f}{row.us_per_record:>11.2f}{against}"


def differing(sets: Sequence[tuple[str, Mapping[int, tuple[int, int]]]]) -> list[str]:
    """Where contenders that read the same predictions came to different inputs.

    Args:
        sets: contender and, of the first so many predictions, its number of inputs and a hash of their set.

    Returns:
        A line for each number of predictions that is in dispute; none: all are equal.
    """
    problems = []
    for size in sorted({size for _, found in sets for size in found}):
        found = [(name, found[size]) for name, found in sets if size in found]
        if len({each for _, each in found}) > 1:
            told = ", ".join(f"{name} {count} ({digest:016x})" for name, (count, digest) in found)
            problems.append(f"of the first {size} predictions: {told}")
    return problems
