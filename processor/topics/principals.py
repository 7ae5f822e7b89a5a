"""Who this system is on a cluster with access rules, and the least that each of them needs.

One principal a part, named ``User:<prefix>collectors-<part>``: the name of a SCRAM user, or what the brokers make of a certificate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from processor.kafka.acl_state import (
    CLUSTER,
    CLUSTER_NAME,
    CREATE,
    DESCRIBE,
    DESCRIBE_CONFIGS,
    GROUP,
    READ,
    TOPIC,
    TRANSACTIONAL_ID,
    WRITE,
    Acl,
)
from processor.topics.names import (
    AUDIT,
    CATALOG,
    COUNTERS,
    INPUTS_DEAD_LETTERS,
    PREDICTIONS,
    PREDICTIONS_DEAD_LETTERS,
    QUEUE,
    QUEUE_DEAD_LETTERS,
    QUEUE_STATE,
    SPENT_QUOTAS,
    inputs_topic,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SYSTEM = "collectors"
READER = "reader"
INPUTS = "inputs."
CONNECT_TOPICS = ("connect-configs", "connect-offsets", "connect-status")
_ID = r"[A-Za-z0-9][A-Za-z0-9_-]*"


@dataclass(frozen=True, slots=True)
class Right:
    """What a part may do; names are without the prefix of the settings, but for what stands in ``before``, which comes first."""

    operation: str
    resource: str
    name: str
    prefixed: bool = False
    denied: bool = False
    before: str = ""


def topics(operation: str, *names: str) -> tuple[Right, ...]:
    """One operation on some topics."""
    return tuple(Right(operation, TOPIC, name) for name in names)


def all_inputs(operation: str) -> Right:
    """One operation on every app's inputs topic, those to come included."""
    return Right(operation, TOPIC, INPUTS, prefixed=True)


# Whoever reads without a group names one that nobody ever joins, because the client asks for its coordinator anyway.
READS_WITHOUT_A_GROUP = Right(DESCRIBE, GROUP, f"{SYSTEM}.reader")
READS_THE_CATALOG = (READS_WITHOUT_A_GROUP, *topics(READ, *CATALOG))


def _stage(stage: str) -> tuple[Right, ...]:
    """A member of a stage's group that writes in transactions, one id a process."""
    return (
        Right(READ, GROUP, f"{SYSTEM}.{stage}"),
        Right(WRITE, TRANSACTIONAL_ID, f"{SYSTEM}.{stage}.", prefixed=True),
        # Which group protocol the brokers speak stands in their configuration (`group_protocol: auto`).
        Right(DESCRIBE_CONFIGS, CLUSTER, CLUSTER_NAME),
        *READS_THE_CATALOG,
        all_inputs(WRITE),
        # It begins as the topics of inputs do, and is the sink's.
        Right(WRITE, TOPIC, INPUTS_DEAD_LETTERS, denied=True),
        *topics(READ, COUNTERS),
        *topics(WRITE, COUNTERS),
    )


def _connect() -> tuple[Right, ...]:
    """A worker's own business; what its connectors do they do as the sink."""
    own = (READ, WRITE, CREATE, DESCRIBE_CONFIGS)
    return (Right(READ, GROUP, "connect"), *(right for operation in own for right in topics(operation, *CONNECT_TOPICS)))


PARTS: Mapping[str, tuple[Right, ...]] = {
    "producer": topics(WRITE, PREDICTIONS),
    "pre-queue": (*_stage("pre-queue"), *topics(READ, PREDICTIONS), *topics(WRITE, QUEUE, PREDICTIONS_DEAD_LETTERS)),
    "post-queue": (
        *_stage("post-queue"),
        *topics(READ, QUEUE, QUEUE_STATE),
        *topics(WRITE, QUEUE_STATE, QUEUE_DEAD_LETTERS, SPENT_QUOTAS),
    ),
    "connect": _connect(),
    "sink": (
        all_inputs(READ),
        Right(READ, TOPIC, INPUTS_DEAD_LETTERS, denied=True),
        *topics(WRITE, INPUTS_DEAD_LETTERS),
        Right(READ, GROUP, INPUTS, prefixed=True, before="connect-"),
    ),
    "controller": (*READS_THE_CATALOG, all_inputs(DESCRIBE)),
    "api": (
        *READS_THE_CATALOG,
        *topics(WRITE, *(name for name in CATALOG if name != SPENT_QUOTAS), AUDIT),
        Right(WRITE, TRANSACTIONAL_ID, f"{SYSTEM}.writer.", prefixed=True),
        all_inputs(CREATE),
        all_inputs(DESCRIBE),
    ),
    "destination": READS_THE_CATALOG,
}
"""What each part may do; the rights of a reader follow from the app (`reader`)."""


def reader(user_id: str, app_id: str) -> tuple[Right, ...]:
    """Somebody who reads one app's inputs, with groups whose names begin with the reader's own."""
    return (
        READS_WITHOUT_A_GROUP,
        *topics(READ, inputs_topic(user_id, app_id)),
        Right(READ, GROUP, f"{reader_name(user_id, app_id)}.", prefixed=True),
    )


def reader_name(user_id: str, app_id: str) -> str:
    """The reader of an app; no id has a dot."""
    return f"{SYSTEM}-{READER}.{user_id}.{app_id}"


def principal(prefix: str, name: str) -> str:
    """A principal as Kafka writes it."""
    return f"User:{prefix}{name}"


def wanted_acls(prefix: str, readers: Iterable[tuple[str, str]] = ()) -> frozenset[Acl]:
    """All rules that there must be.

    Args:
        prefix: of the settings.
        readers: (user id, app id) of the apps whose inputs somebody reads.
    """
    parts = {f"{SYSTEM}-{part}": rights for part, rights in PARTS.items()}
    parts |= {reader_name(*app): reader(*app) for app in readers}
    return frozenset(_acl(principal(prefix, name), right, prefix) for name, rights in parts.items() for right in rights)


def is_ours(name: str, prefix: str) -> bool:
    """Whether a principal is one of this system's, and its rules so ours to take away."""
    parts = "|".join(map(re.escape, PARTS))
    return re.fullmatch(rf"User:{re.escape(prefix)}{SYSTEM}-(?:{parts}|{READER}\.{_ID}\.{_ID})", name) is not None


def _acl(who: str, right: Right, prefix: str) -> Acl:
    name = right.name if right.resource == CLUSTER else f"{right.before}{prefix}{right.name}"
    return Acl(who, right.resource, name, right.operation, right.prefixed, right.denied)
