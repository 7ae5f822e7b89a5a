"""Access rules of a cluster as plain values: pure code plans with these and never meets a client."""

from __future__ import annotations

from dataclasses import dataclass

# Operations as Kafka's own tools write them. Read, Write, Delete and Alter imply Describe.
READ = "Read"
WRITE = "Write"
CREATE = "Create"
DESCRIBE = "Describe"
DESCRIBE_CONFIGS = "DescribeConfigs"

TOPIC = "topic"
GROUP = "group"
TRANSACTIONAL_ID = "transactional id"
CLUSTER = "cluster"

CLUSTER_NAME = "kafka-cluster"
ANY_HOST = "*"


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One access rule.

    Attributes:
        principal: who, as in ``User:collectors-producer``.
        resource: to what kind of thing.
        name: to which one; with ``prefixed``, to all whose names begin so.
        operation: what.
        prefixed: see above.
        denied: forbidden, whatever else is allowed.
        host: from where.
    """

    principal: str
    resource: str
    name: str
    operation: str
    prefixed: bool = False
    denied: bool = False
    host: str = ANY_HOST

    def __str__(self) -> str:
        where = "the cluster" if self.resource == CLUSTER else f"{self.resource} {self.name}{'*' if self.prefixed else ''}"
        host = "" if self.host == ANY_HOST else f" from {self.host}"
        return f"{self.principal}: {'never ' if self.denied else ''}{self.operation} {where}{host}"
