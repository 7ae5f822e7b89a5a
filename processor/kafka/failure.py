"""The client's errors, told for people."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from confluent_kafka import KafkaError, KafkaException

from processor.errors import ClusterAway, FixCluster, RestartProcess
from processor.kafka.refusals import REFUSALS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from processor.kafka.refusals import Client

T = TypeVar("T")
ASK_AGAIN_S = 0.05

AWAY = {
    KafkaError._TRANSPORT,  # noqa: SLF001 - the client's name for its own codes
    KafkaError._TIMED_OUT,  # noqa: SLF001 - as above
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - as above
    KafkaError._RESOLVE,  # noqa: SLF001 - as above
    # A broker that left the cluster's metadata while it was asked.
    KafkaError._DESTROY_BROKER,  # noqa: SLF001 - as above
    KafkaError._WAIT_COORD,  # noqa: SLF001 - as above
    # A partition that has no leader at the moment.
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - as above
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_COORDINATOR,
    KafkaError.NOT_CONTROLLER,
    KafkaError.KAFKA_STORAGE_ERROR,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError.BROKER_NOT_AVAILABLE,
}

# What a client that was let in may not do.
NOT_ALLOWED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
GRANT = (
    "this user may not: `collectors topics plan --acls`, typed by who may change the cluster, shows which right is missing, and "
    "`collectors topics apply --acls` grants it"
)

NEXT_STEP = {
    KafkaError._TRANSPORT: "is the cluster up? `collectors kafka status` knows the local one; COLLECTORS_BOOTSTRAP_SERVERS names another",  # noqa: SLF001 - the client's name for its own codes
    KafkaError._TIMED_OUT: "no broker answered in time: check the address, the network and security.protocol",  # noqa: SLF001 - as above
    KafkaError._UNKNOWN_PARTITION: "it has no leader: are the brokers up that have its replicas?",  # noqa: SLF001 - as above
    KafkaError._ALL_BROKERS_DOWN: "is the cluster up? check COLLECTORS_BOOTSTRAP_SERVERS",  # noqa: SLF001 - as above
    **dict.fromkeys(NOT_ALLOWED, GRANT),
    KafkaError.SECURITY_DISABLED: "the brokers have no authorizer: set authorizer.class.name, or leave --acls out",
    KafkaError.INVALID_REPLICATION_FACTOR: "there are fewer brokers than replicas wanted: lower `replication` or add brokers",
    KafkaError.INVALID_CONFIG: "the broker does not take this config: correct `configs` in topics.yaml",
    KafkaError.INVALID_PARTITIONS: "the broker does not take this number of partitions: correct `partitions` in topics.yaml",
    KafkaError.POLICY_VIOLATION: "a policy of the cluster forbids it: follow it in topics.yaml or have it changed",
    KafkaError.TOPIC_EXCEPTION: "Kafka does not take this name: use a shorter or simpler id or topic_prefix",
}


def cluster_error(doing: str, error: KafkaException, client: Client | None = None) -> FixCluster:
    """The client's error as ours: what was tried, what the cluster said, what to do; ClusterAway where nobody answered.

    Args:
        doing: what was tried, and of which topic or group.
        error: what the client raised.
        client: who raised it; it may know more.
    """
    cause = error.args[0]
    if error_code(error) in AWAY and (refusal := REFUSALS.take(client)):
        # Of certificates it may be a connection that was cut while it was made: that passes.
        return (FixCluster if refusal.credentials else ClusterAway)(f"{doing}: {refusal}")
    kind = ClusterAway if error_code(error) in AWAY else FixCluster
    next_step = NEXT_STEP.get(error_code(error), "look at the brokers' logs")
    return kind(f"{doing}: {cause.str()} ({cause.name()}): {next_step}")


def error_code(error: KafkaException) -> int:
    """Which of Kafka's or the client's errors this is."""
    code: int = error.args[0].code()
    return code


def ask_while(passing: Collection[int], limit_s: float, question: Callable[[], T]) -> T:
    """The answer to a question, which is asked again while its error is one that passes by itself.

    Args:
        passing: codes of such errors.
        limit_s: how long they may take to pass.
        question: a call of the client.

    Raises:
        KafkaException: another error, or one of these after the limit.
    """
    deadline = time.monotonic() + limit_s
    while True:
        try:
            return question()
        except KafkaException as error:
            if error_code(error) not in passing or time.monotonic() > deadline:
                raise
        time.sleep(ASK_AGAIN_S)


@contextmanager
def restarting() -> Iterator[None]:
    """Around a processor's whole life: a cluster that is away, or a client error that nobody sorted, asks for a restart."""
    try:
        yield
    except ClusterAway as error:
        raise RestartProcess(str(error)) from None
    except (KafkaException, SystemError) as error:
        cause = raised_by_client(error).args[0]
        raise RestartProcess(f"the Kafka client failed: {cause.name()}: {cause.str()}") from error


def raised_by_client(error: KafkaException | SystemError) -> KafkaException:
    """The client's own error.

    A fatal one is raised inside whatever call happens to serve the client's events. Where a line for the log is served next, all that
    comes out is a SystemError, caused by it.

    Raises:
        SystemError: it is not of the client.
    """
    if isinstance(error, KafkaException):
        return error
    if isinstance(error.__cause__, KafkaException):
        return error.__cause__
    raise error
