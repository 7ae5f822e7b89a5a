"""The closed set a decision is counted under."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of one prediction for one collector; everything but the first two is a reason it was left."""

    COLLECTED = "collected"
    QUEUED = "queued"
    COLLECTOR_INACTIVE = "collector_inactive"
    OTHER_CALLER = "other_caller"
    NOT_SAMPLED = "not_sampled"
    WORKFLOW_EMPTY = "workflow_empty"
    POST_QUEUE_EMPTY = "post_queue_empty"
    DUPLICATE = "duplicate"
    OVER_QUOTA = "over_quota"
    MODEL_FAILED = "model_failed"
    INVALID = "invalid"


OUTCOMES: tuple[Outcome, ...] = tuple(Outcome)
REASONS: tuple[Outcome, ...] = OUTCOMES[2:]
