"""The pipeline as a Bytewax dataflow. Not exactly once: its sink writes outside of transactions and flushes every batch.

Bytewax keeps its position in a recovery store of its own, never in a consumer group. For the meter, the offsets are committed
when the dataflow has come to the topic's end.
"""

from __future__ import annotations

import signal
import sys

from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSource
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main
from confluent_kafka import Consumer, TopicPartition

from benchmarks.contenders.loop_inputs import Collecting
from benchmarks.support.job import Job
from benchmarks.support.prediction_avro import read_prediction

BATCH_RECORDS = 1_000
TIMEOUT_S = 30.0


def main() -> None:
    """Run to the end of the topic, then wait for SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    job = Job.read(sys.argv[1])
    run_main(dataflow(job))
    commit_ends(job)
    signal.pause()


def dataflow(job: Job) -> Dataflow:
    """Source, one step, sink."""
    collecting = Collecting(job.collectors)

    def collect(message: object) -> list[KafkaSinkMessage[bytes, bytes]]:
        made = collecting.inputs(read_prediction(message.value))  # type: ignore[attr-defined]  # of the source's messages
        return [KafkaSinkMessage(each.key, each.value, each.topic, each.headers) for each in made]

    consuming = {"isolation.level": "read_committed", "fetch.queue.backoff.ms": "5", "queued.min.messages": "20000"}
    producing = {"compression.type": "lz4", "linger.ms": "0", "enable.idempotence": "true"}
    flow = Dataflow("collect")
    source = KafkaSource([job.bootstrap_servers], [job.predictions], tail=False, add_config=consuming, batch_size=BATCH_RECORDS)
    inputs = op.flat_map("collect", op.input("predictions", flow, source), collect)
    kop.output("inputs", inputs, brokers=[job.bootstrap_servers], topic=None, add_config=producing)
    return flow


def commit_ends(job: Job) -> None:
    """Say that everything is done."""
    consumer = Consumer({"bootstrap.servers": job.bootstrap_servers, "group.id": job.group})
    partitions = consumer.list_topics(job.predictions, TIMEOUT_S).topics[job.predictions].partitions
    ends = [(part, consumer.get_watermark_offsets(TopicPartition(job.predictions, part), TIMEOUT_S)[1]) for part in partitions]
    consumer.commit(offsets=[TopicPartition(job.predictions, part, end) for part, end in ends], asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    main()
