"""Who takes part in the pipeline benchmark: one module a contender, run as ``python -m benchmarks.contenders.MODULE JOB.json``.

A contender reads the job, consumes the predictions from the beginning as a member of the job's group, writes to the output topics, and
commits outputs and offsets in one transaction every ``commit_interval_ms``; it stops on SIGTERM. A contender in another language, or
with requirements of its own, is a module that replaces itself with it. Every input carries the headers ``collector`` and
``prediction-id``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks.contenders import arroyo, bytewax, kafka_streams, quix

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS_MIN = 2_000
LOOP_DECISIONS_MAX = 20_000_000


class Contender(NamedTuple):
    """One contender.

    Attributes:
        module: its file here.
        decides: its outputs are held equal to the others'; False: it decides nothing, and its outputs are only counted.
        exactly_once: outputs and offsets are one transaction.
        warm_up: the share of its outputs that comes before its time is taken.
        decisions_max: predictions times collectors of a turn; it gets fewer predictions rather than more of these.
        prepare: fetches and builds what it needs; FixMachine, where that cannot be had, says why.
    """

    module: str
    decides: bool = True
    exactly_once: bool = True
    warm_up: float = 0.1
    decisions_max: int | None = None
    prepare: Callable[[], object] | None = None

    def records(self, wanted: int, collectors: int) -> int:
        """How many predictions it is given."""
        if self.decisions_max is None:
            return wanted
        return min(wanted, max(RECORDS_MIN, self.decisions_max // collectors))


CONTENDERS = {
    "floor": Contender("floor", decides=False),
    "ours": Contender("ours"),
    # A Java program is slow until its code is compiled: its second half counts.
    "kafka-streams": Contender("kafka_streams", warm_up=0.5, decisions_max=2_000_000_000, prepare=kafka_streams.prepare),
    "quix": Contender("quix", decisions_max=LOOP_DECISIONS_MAX, prepare=quix.prepare),
    "fastavro-loop": Contender("fastavro_loop", decisions_max=LOOP_DECISIONS_MAX),
    "bytewax": Contender("bytewax", exactly_once=False, decisions_max=LOOP_DECISIONS_MAX, prepare=bytewax.prepare),
    "arroyo": Contender("arroyo", exactly_once=False, decisions_max=LOOP_DECISIONS_MAX, prepare=arroyo.prepare),
}
