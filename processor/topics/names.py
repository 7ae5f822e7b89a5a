"""Topic names: the fixed ones, and the one an app's inputs go to.

All names here are without the prefix of the settings; `prefixed` adds it, once, where a name meets Kafka.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processor.settings import Settings

PREDICTIONS = "predictions"
COLLECTORS = "collectors"
WORKFLOWS = "workflows"
MODELS = "models"
APPS = "apps"
KEYS = "keys"
KNOWLEDGE_GRAPHS = "knowledge-graphs"
QUEUE = "queue"
QUEUE_STATE = "queue.state"
COUNTERS = "counters"
PREDICTIONS_DEAD_LETTERS = "predictions.dead-letters"
QUEUE_DEAD_LETTERS = "queue.dead-letters"
INPUTS_DEAD_LETTERS = "inputs.dead-letters"
AUDIT = "audit"
SPENT_QUOTAS = "spent-quotas"

CATALOG = (APPS, COLLECTORS, KEYS, KNOWLEDGE_GRAPHS, MODELS, SPENT_QUOTAS, WORKFLOWS)
COMPACTED = (*CATALOG, QUEUE_STATE, COUNTERS)
DEAD_LETTERS = (PREDICTIONS_DEAD_LETTERS, QUEUE_DEAD_LETTERS, INPUTS_DEAD_LETTERS)
FIXED = (PREDICTIONS, *CATALOG, QUEUE, QUEUE_STATE, COUNTERS, *DEAD_LETTERS, AUDIT)

INPUTS_TEMPLATE = "inputs.<user_id>.<app_id>"
NAME_LENGTH_MAX = 249  # Kafka's own limit

_LEGAL = re.compile(r"[A-Za-z0-9._-]+")
_ESCAPED_ID = r"[A-Za-z0-9](?:[A-Za-z0-9-]|__)*"
_INPUTS = re.compile(rf"inputs\.({_ESCAPED_ID})\.({_ESCAPED_ID})")


def prefixed(settings: Settings, name: str) -> str:
    """The name as the cluster knows it."""
    return settings.topic_prefix + name


def unprefixed(settings: Settings, topic: str) -> str | None:
    """The name without the prefix; None for a topic that does not carry it, which is somebody else's."""
    return topic.removeprefix(settings.topic_prefix) if topic.startswith(settings.topic_prefix) else None


def inputs_topic(user_id: str, app_id: str) -> str:
    """The topic of an app's inputs.

    Kafka's metrics write ``.`` as ``_`` and so take ``a.b`` and ``a_b`` for one topic. Every ``_`` of an id is doubled, and no id begins
    with one: an odd run of ``_`` is then always a separator, and no two apps meet.
    """
    return f"inputs.{user_id.replace('_', '__')}.{app_id.replace('_', '__')}"


def parse_inputs_topic(name: str) -> tuple[str, str] | None:
    """User id and app id of an inputs topic; None for any other name."""
    match = _INPUTS.fullmatch(name)
    return (match[1].replace("__", "_"), match[2].replace("__", "_")) if match else None


def is_inputs_topic(name: str) -> bool:
    """Whether this is the inputs topic of some app."""
    return _INPUTS.fullmatch(name) is not None


def existing_inputs_topics(settings: Settings, topics: Iterable[str]) -> frozenset[str]:
    """The inputs topics (without the prefix) among the topics of a cluster."""
    return frozenset(name for topic in topics if (name := unprefixed(settings, topic)) is not None and is_inputs_topic(name))


def name_problem(topic: str) -> str:
    """Why Kafka would refuse this (prefixed) name; empty when it takes it."""
    if not _LEGAL.fullmatch(topic) or topic in {".", ".."}:
        return "Kafka takes letters, digits, '.', '_' and '-' in a topic name, and not '.' or '..' alone"
    if len(topic) > NAME_LENGTH_MAX:
        return f"{len(topic)} characters long, and Kafka takes {NAME_LENGTH_MAX}: use shorter ids or a shorter topic_prefix"
    return ""
