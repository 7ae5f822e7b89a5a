"""The settings of a local broker: one node that is broker and controller, on loopback, and quick to notice that a client is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# One node holds every replica there is; few partitions keep start and recovery quick.
INTERNAL_TOPICS = {
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
}
# The default session time-out of KIP-848 groups is 45 s, and 45 s is the least a broker allows unless it is told otherwise: a process
# that was killed would keep its partitions that long.
QUICK_RECOVERY = {
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.session.timeout.ms": "6000",
    "group.consumer.heartbeat.interval.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "1000",
    # transaction.abort.timed.out.transaction.cleanup.interval.ms stays at 10 s although 1 s would be quicker. A lone broker that was
    # killed leads its partitions again, from old metadata, for some seconds before its own controller fences it and lets it register.
    # A transaction aborted for its time-out in that gap gets no markers (Kafka 4.3.1 logs "Couldn't find leader endpoint … skipped"), and
    # the producer's next commit then commits what was aborted: the inputs of up to one transaction, doubled.
}
# A broker that was killed may register again only when its last session has ended: 9 s by default, for one node as for a thousand.
QUICK_RESTART = {
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
}
# The cleaner's default buffer of 128 MiB is half of the heap.
SMALL_MEMORY = {
    "num.network.threads": "3",
    "num.io.threads": "4",
    "background.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(32 << 20),
}


def broker_properties(host: str, port: int, controller_port: int, extra: Mapping[str, str]) -> dict[str, str]:
    """All settings but the folder of the data.

    Args:
        host: the address to listen on, and what clients are told.
        port: where clients connect.
        controller_port: where the node talks to itself.
        extra: further settings; they win.
    """
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        # The processor never creates topics; neither does asking for one.
        "auto.create.topics.enable": "false",
        **INTERNAL_TOPICS,
        **QUICK_RECOVERY,
        **QUICK_RESTART,
        **SMALL_MEMORY,
        **extra,
    }


def properties_text(properties: Mapping[str, str]) -> str:
    """A Java properties file; a backslash in a value is doubled, as the format wants."""
    escaped = ((name, value.replace("\\", "\\\\")) for name, value in properties.items())
    return "".join(f"{name}={value}\n" for name, value in escaped)
