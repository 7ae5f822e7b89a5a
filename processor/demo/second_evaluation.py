"""What becomes of every candidate in the second stage, worked out one after the other, from the published rules alone.

As in `evaluation`, nothing of the processor is imported here. The rules: docs/second-stage.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Json = Mapping[str, Any]

WINDOW_SECONDS = {"per_minute": 60, "per_hour": 3_600, "per_day": 86_400}
WINDOWS_KEPT = 2


@dataclass
class Memory:
    """What is known of one collector.

    Attributes:
        taken: (seconds since 1970, what was on the picture) of all that it has collected, in order.
        windows: of each sort of quota, window → how many.
    """

    taken: list[tuple[float, str]] = field(default_factory=list)
    windows: dict[str, Counter[int]] = field(default_factory=dict)


class SecondEvaluation:
    """The second stage of the demo's collectors.

    Args:
        documents: as they are applied, parsed YAML.
        answers: ``user/app/model`` of a model that is asked → input id → what it says, value by concept id.
    """

    def __init__(self, documents: Iterable[Json], answers: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
        self._documents = {(d["kind"], key(d)): d for d in documents}
        self._answers = answers
        self._memories: dict[str, Memory] = {}

    def judge(self, collector_key: str, prediction: Json) -> tuple[str, Mapping[str, float]]:
        """Why a candidate is left, empty: it is collected; and what its workflow found, value by concept id.

        Candidates come in the order of the queue.
        """
        collector = self._documents["Collector", collector_key]
        memory = self._memories.setdefault(collector_key, Memory())
        found: Mapping[str, float] = {}
        if "post_queue_workflow_id" in collector:
            found = self._found(collector, prediction)
            if not found:
                return "post_queue_empty", {}
        at, picture = seconds(prediction), prediction["input"]["data"]["image"]["base64"]
        if is_repeated(collector.get("duplicates"), memory, at, picture):
            return "duplicate", {}
        if is_over(collector.get("quota", {}), memory, at):
            return "over_quota", {}
        remember(collector.get("quota", {}), memory, at, picture)
        return "", found

    def _found(self, collector: Json, prediction: Json) -> Mapping[str, float]:
        """What a second model says, where it disagrees; nothing where it does not."""
        near = collector["user_id"], collector["app_id"]
        workflow = self._documents["Workflow", "/".join((*near, collector["post_queue_workflow_id"]))]
        models = [self._documents["Model", "/".join((*near, node["model"]["id"]))] for node in workflow["nodes"]]
        if [model["model_type_id"] for model in models] != ["visual-classifier", "disagreement"] or "params" in models[1].get(
            "output_info", {}
        ):
            raise NotImplementedError(f"this evaluation knows a model and a disagreement without a value, not workflow {key(workflow)}")
        said = self._answers[key(models[0])][prediction["input"]["id"]]
        predicted = {concept["id"]: concept["value"] for concept in prediction["output"]["data"].get("concepts", [])}
        return {} if predicted and best(predicted) == best(said) else said


def key(document: Json) -> str:
    """``user/app/id``; of an app, ``user/id``."""
    return "/".join(document[name] for name in ("user_id", "app_id", "id") if name in document)


def best(concepts: Mapping[str, float]) -> str:
    """The concept with the largest value."""
    return max(concepts, key=lambda concept: concepts[concept])


def seconds(prediction: Json) -> float:
    """When it was predicted, seconds since 1970."""
    return datetime.fromisoformat(prediction["predicted_at"]).timestamp()


def is_repeated(rule: Json | None, memory: Memory, at: float, picture: str) -> bool:
    """Whether the same picture was collected of late."""
    if rule is None:
        return False
    if rule["by"] != ["content"]:
        raise NotImplementedError("this evaluation knows no other duplicates than those of the same content")
    of_late = memory.taken[-rule.get("window_count", 10_000) :]
    return any(picture == other and abs(at - then) <= rule.get("window_seconds", 86_400) for then, other in of_late)


def is_over(quota: Json, memory: Memory, at: float) -> bool:
    """Whether a window that the candidate is in is full, or so long ago that nobody knows."""
    for name, limit in quota.items():
        counts, window = memory.windows.get(name, Counter()), int(at // WINDOW_SECONDS[name])
        if counts[window] >= limit or (counts and window <= max(counts) - WINDOWS_KEPT):
            return True
    return False


def remember(quota: Json, memory: Memory, at: float, picture: str) -> None:
    """What is collected counts from now on."""
    memory.taken.append((at, picture))
    for name in quota:
        memory.windows.setdefault(name, Counter())[int(at // WINDOW_SECONDS[name])] += 1
