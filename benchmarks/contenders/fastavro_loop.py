"""A plain Python processor: each record decoded with fastavro, judged by each collector in turn, collected ones produced as inputs.

It does what the processor does for these collectors (same body, key and headers, same transactions), but knows no catalog, keeps its
counters in memory only, and trusts every record.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import fastavro

from benchmarks.contenders.exactly_once import Loop, job_of_command_line, value_of
from benchmarks.contenders.loop_inputs import Collecting
from processor.codec.framing import HEADER_BYTES
from processor.codec.registry import Schemas

if TYPE_CHECKING:
    from confluent_kafka import Message, Producer


def main() -> None:
    """Run until SIGTERM."""
    job = job_of_command_line()
    schema, collecting = Schemas.checked_in().writer("prediction"), Collecting(job.collectors)

    def handle(messages: list[Message], producer: Producer) -> None:
        for message in messages:
            prediction: Any = fastavro.schemaless_reader(io.BytesIO(value_of(message)[HEADER_BYTES:]), schema, schema)
            for made in collecting.inputs(prediction):
                producer.produce(made.topic, value=made.value, key=made.key, headers=made.headers)

    Loop(job).run(handle)


if __name__ == "__main__":
    main()
