"""The floor: what the client alone costs. Consumes everything, passes every tenth record on as it is, decodes and decides nothing."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from benchmarks.contenders.exactly_once import Loop, job_of_command_line, value_of

if TYPE_CHECKING:
    from confluent_kafka import Message, Producer

EVERY = 10


def main() -> None:
    """Run until SIGTERM."""
    job = job_of_command_line()
    topics = cycle(job.outputs)

    def handle(messages: list[Message], producer: Producer) -> None:
        for message in messages[::EVERY]:
            producer.produce(next(topics), value=value_of(message), key=message.key())

    Loop(job).run(handle)


if __name__ == "__main__":
    main()
