"""A plain Python processor: each record decoded with fastavro, judged by each collector in turn, collected ones produced as inputs.

It does what the processor does for these collectors (same body, key and headers, same transactions), but knows no catalog, keeps its
counters in memory only, and trusts every record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contenders.exactly_once import Loop, job_of_command_line, value_of
from benchmarks.contenders.loop_inputs import Collecting
from benchmarks.support.prediction_avro import read_prediction

if TYPE_CHECKING:
    from confluent_kafka import Message, Producer


def main() -> None:
    """Run until SIGTERM."""
    job = job_of_command_line()
    collecting = Collecting(job.collectors)

    def handle(messages: list[Message], producer: Producer) -> None:
        for message in messages:
            for made in collecting.inputs(read_prediction(value_of(message))):
                producer.produce(made.topic, value=made.value, key=made.key, headers=made.headers)

    Loop(job).run(handle)


if __name__ == "__main__":
    main()
