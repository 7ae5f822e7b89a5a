"""Collectors: captures the predictions worth training on, exactly once, on Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from processor.producer import PredictionProducer

__all__ = ["PredictionProducer"]


def __getattr__(name: str) -> Any:
    """Import the producer, and the Kafka client with it, when it is asked for: the command line starts without."""
    if name != "PredictionProducer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from processor.producer import PredictionProducer  # noqa: PLC0415 - as above

    return PredictionProducer
