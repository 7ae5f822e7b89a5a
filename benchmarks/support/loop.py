"""The work as a plain loop does it: for contenders that take one prediction after the other. Nothing of the processor is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

MODEL = "clarifai/main/general-image-recognition"
RING_MASK = (1 << 64) - 1


class LoopPlan(NamedTuple):
    """One collector as a loop needs it: keep when the maximum is below ``threshold`` and (draw + salt) mod 2^64 below ``limit``."""

    key: str
    group: int
    salt: int
    limit: int
    threshold: float


def group_keys(plans: Sequence[LoopPlan]) -> list[tuple[int, int]]:
    """The sampling groups that the plans use, and the key of each."""
    groups = sorted({plan.group for plan in plans})
    return [(group, xxhash.xxh3_64_intdigest(f"collectors/group/{group}".encode())) for group in groups]


def judge(
    prediction: Any,
    plans: Sequence[LoopPlan],
    keys: Sequence[tuple[int, int]],
    counters: tuple[Counter[str], Counter[str], Counter[str]],
    taken: list[tuple[str, str]],
) -> None:
    """Judge one decoded prediction as a plain loop does; its maximum, its hash and each group's hash are computed at most once.

    Args:
        prediction: as fastavro decodes it.
        plans: the collectors.
        keys: of `group_keys`.
        counters: emptied, not sampled, collected; by collector.
        taken: gets (prediction id, collector).
    """
    empty, unsampled, kept = counters
    model = prediction["model"]
    if prediction["workflow_id"] or f"{model['user_id']}/{model['app_id']}/{model['id']}" != MODEL:
        return
    data = prediction["output"]["data"]
    values = [concept["value"] for concept in data["concepts"]]
    values += [concept["value"] for region in data["regions"] for concept in region["data"]["concepts"]]
    largest = max(values, default=1.0)
    hashes: list[int] = []
    for key, group, salt, limit, threshold in plans:
        if largest >= threshold:
            empty[key] += 1
            continue
        if not hashes:
            hashes = _draws(prediction["id"], keys)
        if ((hashes[group] + salt) & RING_MASK) < limit:
            kept[key] += 1
            taken.append((prediction["id"], key))
        else:
            unsampled[key] += 1


def _draws(prediction_id: str, keys: Sequence[tuple[int, int]]) -> list[int]:
    whole, found = xxhash.xxh3_64_intdigest(prediction_id.encode()), [0] * 16
    for group, key in keys:
        h = whole ^ key
        h = ((h ^ (h >> 33)) * 0xFF51AFD7ED558CCD) & RING_MASK
        h = ((h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53) & RING_MASK
        found[group] = h ^ (h >> 33)
    return found
