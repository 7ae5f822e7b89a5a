"""Who takes part in the pipeline benchmark: one module a contender, run as ``python -m benchmarks.contenders.MODULE JOB.json``.

A contender reads the job, consumes the predictions from the beginning as a member of the job's group, writes to the output topics, and
commits outputs and offsets in one transaction every ``commit_interval_ms``; it stops on SIGTERM. A contender in another language is a
module that replaces itself with it. Every input carries the headers ``collector`` and ``prediction-id``.
"""

from __future__ import annotations

from typing import NamedTuple


class Contender(NamedTuple):
    """One contender.

    Attributes:
        module: its file here.
        decides: its outputs are held equal to the others'; False: it decides nothing, and its outputs are only counted.
    """

    module: str
    decides: bool = True


CONTENDERS = {
    "floor": Contender("floor", decides=False),
    "ours": Contender("ours"),
    "fastavro-loop": Contender("fastavro_loop"),
    "kafka-streams": Contender("kafka_streams"),
}
