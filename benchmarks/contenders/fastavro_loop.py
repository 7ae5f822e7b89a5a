"""A plain Python processor: each record decoded with fastavro, judged by each collector in turn, collected ones produced as inputs.

It does what the processor does for these collectors (same body, key and headers, same transactions), but knows no catalog, keeps its
counters in memory only, and trusts every record.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from typing import TYPE_CHECKING, Any

import fastavro
import orjson

from benchmarks.contenders.exactly_once import Loop, job_of_command_line, value_of
from benchmarks.support.work import group_keys, judge
from processor.codec.registry import Schemas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confluent_kafka import Message, Producer

    from benchmarks.support.job import Watch

HEADER_BYTES = 5
MEDIA = ("image", "video", "audio", "text")


def main() -> None:
    """Run until SIGTERM."""
    job = job_of_command_line()
    Loop(job).run(Handler(job.collectors).handle)


class Handler:
    """Decode, judge, produce."""

    def __init__(self, collectors: Sequence[Watch]) -> None:
        self._schema = Schemas.checked_in().writer("prediction")
        self._watches = {watch.plan.key: watch for watch in collectors}
        self._plans = [watch.plan for watch in collectors]
        self._keys = group_keys(self._plans)
        self._counters = Counter[str](), Counter[str](), Counter[str]()

    def handle(self, messages: list[Message], producer: Producer) -> None:
        """One batch."""
        for message in messages:
            prediction: Any = fastavro.schemaless_reader(io.BytesIO(value_of(message)[HEADER_BYTES:]), self._schema, self._schema)
            taken: list[tuple[str, str]] = []
            judge(prediction, self._plans, self._keys, self._counters, taken)
            for _, key in taken:
                self._produce(producer, prediction, self._watches[key])

    def _produce(self, producer: Producer, prediction: Mapping[str, Any], watch: Watch) -> None:
        key, model = watch.plan.key, prediction["model"]
        input_id = hashlib.sha256(f"{key}\0{prediction['id']}".encode()).hexdigest()[:32]
        name = f"{model['user_id']}/{model['app_id']}/{model['id']}"
        headers = [
            ("collector", key.encode()),
            ("catalog-version", b"none"),
            ("prediction-id", prediction["id"].encode()),
            ("inclusion-probability", repr(watch.inclusion_probability).encode()),
            ("model", f"{name}/{model['version_id']}".encode()),
        ]
        producer.produce(watch.topic, value=_body(input_id, name, prediction, watch), key=input_id.encode(), headers=headers)


def _body(input_id: str, model: str, prediction: Mapping[str, Any], watch: Watch) -> bytes:
    given = prediction["input"]["data"]
    data: dict[str, Any] = {name: {k: v for k, v in given[name].items() if v is not None} for name in MEDIA if given[name]}
    data["metadata"] = orjson.loads(given["metadata"]) if given["metadata"] else {}
    data["metadata"]["collected"] = {
        "collector": watch.plan.key,
        "prediction_id": prediction["id"],
        "model": model,
        "inclusion_probability": watch.inclusion_probability,
    }
    return orjson.dumps({"id": input_id, "data": data})


if __name__ == "__main__":
    main()
