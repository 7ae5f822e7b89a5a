"""What a contender of the pipeline benchmark is told: a JSON file, so that a contender can be written in any language."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from benchmarks.support.loop import LoopPlan


@dataclass(frozen=True, slots=True)
class Watch:
    """One collector, for contenders without a catalog.

    Attributes:
        plan: whom it keeps.
        topic: where its inputs go.
        inclusion_probability: of every input it collects.
    """

    plan: LoopPlan
    topic: str
    inclusion_probability: float


@dataclass(frozen=True, slots=True)
class Job:
    """One contender's turn.

    Attributes:
        bootstrap_servers: the broker.
        topic_prefix: of all topics, of the group and of transactional ids.
        predictions: the topic to read, from the beginning.
        group: the consumer group whose committed offsets are the progress that is measured.
        transactional_id: of the contender's producer.
        commit_interval_ms: how often to commit.
        outputs: the topics to write to.
        collectors: who watches.
    """

    bootstrap_servers: str
    topic_prefix: str
    predictions: str
    group: str
    transactional_id: str
    commit_interval_ms: int
    outputs: tuple[str, ...]
    collectors: tuple[Watch, ...]

    def write(self, path: Path) -> None:
        """Write the file."""
        path.write_bytes(orjson.dumps(asdict(self) | {"collectors": [_flat(watch) for watch in self.collectors]}))

    @classmethod
    def read(cls, path: str) -> Job:
        """Read the file."""
        fields = orjson.loads(Path(path).read_bytes())
        watches = tuple(_watch(**watch) for watch in fields.pop("collectors"))
        return cls(**fields | {"outputs": tuple(fields["outputs"])}, collectors=watches)


def _flat(watch: Watch) -> dict[str, object]:
    return {**watch.plan._asdict(), "topic": watch.topic, "inclusion_probability": watch.inclusion_probability}


def _watch(topic: str, inclusion_probability: float, **plan: object) -> Watch:
    return Watch(LoopPlan(**plan), topic, inclusion_probability)  # type: ignore[arg-type]  # the fields that _flat wrote
