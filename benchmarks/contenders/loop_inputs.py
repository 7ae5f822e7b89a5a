"""What a plain loop in Python makes of a prediction: the decisions and the inputs. It imports nothing of the processor."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from benchmarks.support.loop import group_keys, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.support.job import Watch

MEDIA = ("image", "video", "audio", "text")


class Input(NamedTuple):
    """One record to produce."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Collecting:
    """The collectors, asked in turn for one prediction after the other; counters are kept in memory only.

    Args:
        collectors: who watches.
    """

    def __init__(self, collectors: Sequence[Watch]) -> None:
        self._watches = {watch.plan.key: watch for watch in collectors}
        self._plans = [watch.plan for watch in collectors]
        self._keys = group_keys(self._plans)
        self._counters = Counter[str](), Counter[str](), Counter[str]()

    def inputs(self, prediction: Any) -> Iterator[Input]:
        """The inputs that are collected of a prediction, as fastavro decodes it."""
        taken: list[tuple[str, str]] = []
        judge(prediction, self._plans, self._keys, self._counters, taken)
        for _, key in taken:
            yield _input(prediction, self._watches[key])


def _input(prediction: Mapping[str, Any], watch: Watch) -> Input:
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
    return Input(watch.topic, input_id.encode(), _body(input_id, name, prediction, watch), headers)


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
