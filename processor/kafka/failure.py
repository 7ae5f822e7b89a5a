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

WHILE_AWAY = {
    KafkaError._TRANSPORT: "is the cluster up? `collectors kafka status` knows the local one; COLLECTORS_BOOTSTRAP_SERVERS names another",  # noqa: SLF001 - the client's name for its own codes
    KafkaError._TIMED_OUT: "no broker answered in time: check the address, the network and security.protocol",  # noqa: SLF001 - as above
    KafkaError._UNKNOWN_PARTITION: "it has no leader: are the brokers up that have its replicas?",  # noqa: SLF001 - as above
    KafkaError._ALL_BROKERS_DOWN: "is the cluster up? check COLLECTORS_BOOTSTRAP_SERVERS",  # noqa: SLF001 - as above
}
TO_CHANGE = {
    **dict.fromkeys(NOT_ALLOWED, GRANT),
    KafkaError.SECURITY_DISABLED: "the brokers have no authorizer: set authorizer.class.name, or leave --acls out",
    KafkaError.INVALID_REPLICATION_FACTOR: "there are fewer brokers than replicas wanted: lower `replication` or add brokers",
    KafkaError.INVALID_CONFIG: "the broker does not take this config: correct `configs` in topics.yaml",
    KafkaError.INVALID_PARTITIONS: "the broker does not take this number of partitions: correct `partitions` in topics.yaml",
    KafkaError.POLICY_VIOLATION: "a policy of the cluster forbids it: follow it in topics.yaml or have it changed",
    KafkaError.TOPIC_EXCEPTION: "Kafka does not take this name: use a shorter or simpler id or topic_prefix",
}
NEXT_STEP = WHILE_AWAY | TO_CHANGE

# What no waiting mends. Everything else passes, or may: a cluster in trouble has some fifty names for it, and a processor that ends for
# one that is missing from a list does not come back by itself.
LASTING = {
    *TO_CHANGE,
    KafkaError._INVALID_ARG,  # noqa: SLF001 - the client's name for its own codes
    KafkaError._AUTHENTICATION,  # noqa: SLF001 - as above
    KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001 - as above
    KafkaError._NOT_IMPLEMENTED,  # noqa: SLF001 - as above
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - as above
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_ALREADY_EXISTS,
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_REQUEST,
    KafkaError.INVALID_REPLICA_ASSIGNMENT,
    KafkaError.INVALID_GROUP_ID,
    KafkaError.INVALID_SESSION_TIMEOUT,
    KafkaError.INVALID_TRANSACTION_TIMEOUT,
    KafkaError.INVALID_PRINCIPAL_TYPE,
    KafkaError.INCONSISTENT_GROUP_PROTOCOL,
    KafkaError.UNSUPPORTED_ASSIGNOR,
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.ILLEGAL_SASL_STATE,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.GROUP_MAX_SIZE_REACHED,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.TOPIC_DELETION_DISABLED,
}


def passes(code: int) -> bool:
    """Whether an error may be gone when the same is asked again later."""
    return code not in LASTING


def cluster_error(doing: str, error: KafkaException, client: Client | None = None) -> FixCluster:
    """The client's error as ours: what was tried, what the cluster said, what to do; ClusterAway where it may pass.

    Args:
        doing: what was tried, and of which topic or group.
        error: what the client raised.
        client: who raised it; it may know more.
    """
    cause = error.args[0]
    if passes(error_code(error)) and (refusal := REFUSALS.take(client)):
        # Of certificates it may be a connection that was cut while it was made: that passes.
        return (FixCluster if refusal.credentials else ClusterAway)(f"{doing}: {refusal}")
    kind = ClusterAway if passes(error_code(error)) else FixCluster
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
