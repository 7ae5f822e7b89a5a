"""The pipeline as a Quix Streams application, exactly once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from quixstreams import Application
from quixstreams.models import Deserializer, Serializer

from benchmarks.contenders.loop_inputs import Collecting, Input
from benchmarks.support.job import Job
from benchmarks.support.prediction_avro import read_prediction

if TYPE_CHECKING:
    from quixstreams.models import SerializationContext


class PredictionDeserializer(Deserializer):
    """Avro behind the registry's five bytes."""

    def __call__(self, value: bytes, ctx: SerializationContext) -> Any:  # noqa: ARG002 - the library's signature
        """One prediction."""
        return read_prediction(value)


class BodySerializer(Serializer):
    """An input's body is bytes already."""

    def __call__(self, value: Input, ctx: SerializationContext) -> bytes:  # noqa: ARG002 - the library's signature
        """The body."""
        return value.value


def main() -> None:
    """Run until SIGTERM."""
    job = Job.read(sys.argv[1])
    collecting, app = Collecting(job.collectors), _application(job)
    predictions = app.topic(job.predictions, value_deserializer=PredictionDeserializer(), key_deserializer="bytes")
    outputs = {name: app.topic(name, value_serializer=BodySerializer(), key_serializer="bytes") for name in job.outputs}
    stream = app.dataframe(predictions).apply(lambda prediction: list(collecting.inputs(prediction)), expand=True)
    stream = stream.set_headers(lambda made, _key, _timestamp, _headers: made.headers)
    stream.to_topic(lambda made, _key, _timestamp, _headers: outputs[made.topic], key=lambda made: made.key)
    app.run()


def _application(job: Job) -> Application:
    return Application(
        broker_address=job.bootstrap_servers,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        commit_interval=job.commit_interval_ms / 1000,
        processing_guarantee="exactly-once",
        auto_create_topics=False,
        loglevel="WARNING",
        consumer_extra_config={"isolation.level": "read_committed", "fetch.queue.backoff.ms": 5, "queued.min.messages": 20_000},
        producer_extra_config={"compression.type": "lz4", "linger.ms": 2, "queue.buffering.max.messages": 1_000_000},
    )


if __name__ == "__main__":
    main()
