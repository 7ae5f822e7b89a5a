"""The instruments of the fault campaign: three brokers, and a network between them and each part that is cut, slowed and healed."""

from __future__ import annotations

import socket
import socketserver
import threading
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from processor.kafka.machine import HOST, free_port
from processor.kafka.ping import answers
from tests.support.cluster import Cluster
from tests.support.proxy import Link
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

TOPIC = "t"
# Far longer than a request takes on a busy machine, and far shorter than a request through DELAY_S.
PATIENCE_S = 10.0
DELAY_S = 20.0


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@pytest.fixture
def echo() -> Iterator[tuple[Link, int]]:
    """A link in front of a server that says every line again, and the port to talk to."""
    port = free_port()
    with _Server((HOST, 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        link = Link({port: server.server_address[1]}).start()
        try:
            yield link, port
        finally:
            link.stop()
            server.shutdown()


def _said_again(client: socket.socket, line: bytes) -> bytes:
    client.sendall(line)
    return client.recv(100)


def test_a_link_hands_on_what_it_is_given_both_ways(echo: tuple[Link, int]) -> None:
    link, port = echo
    with socket.create_connection((HOST, port), PATIENCE_S) as client:
        assert _said_again(client, b"hello\n") == b"hello\n"
    assert (link.bytes_dropped, link.bytes_delayed, link.connections_refused) == (0, 0, 0)


def test_a_silent_cut_takes_everything_and_answers_nothing_until_it_is_healed_and_the_connection_closed(echo: tuple[Link, int]) -> None:
    link, port = echo
    with socket.create_connection((HOST, port), PATIENCE_S) as old:
        assert _said_again(old, b"hello\n") == b"hello\n"
        link.cut()
        with socket.create_connection((HOST, port), PATIENCE_S) as new:
            old.sendall(b"lost\n")
            new.sendall(b"lost too\n")
            wait_until(lambda: link.bytes_dropped == 14, "the bytes to be dropped")
            link.heal()
            assert _closed(old)
            assert _closed(new)
    with socket.create_connection((HOST, port), PATIENCE_S) as client:
        assert _said_again(client, b"again\n") == b"again\n"


def test_where_answers_are_cut_what_is_said_arrives(echo: tuple[Link, int]) -> None:
    link, port = echo
    with socket.create_connection((HOST, port), PATIENCE_S) as client:
        link.cut_answers()
        client.sendall(b"heard\n")
        wait_until(lambda: link.bytes_dropped == len(b"heard\n"), "the answer, which is what the server heard, to be dropped")
        link.heal()
        assert _closed(client)


def _closed(client: socket.socket) -> bool:
    try:
        return client.recv(100) == b""
    except ConnectionResetError:
        return True


def test_a_refusing_cut_closes_connections_and_takes_no_new_ones(echo: tuple[Link, int]) -> None:
    link, port = echo
    with socket.create_connection((HOST, port), PATIENCE_S) as old:
        assert _said_again(old, b"hello\n") == b"hello\n"
        link.refuse()
        assert _closed(old)
        with socket.create_connection((HOST, port), PATIENCE_S) as new:
            assert _closed(new)
    assert link.connections_refused == 2
    link.heal()
    with socket.create_connection((HOST, port), PATIENCE_S) as client:
        assert _said_again(client, b"again\n") == b"again\n"


def test_delayed_bytes_come_in_order_and_are_counted_in_both_directions(echo: tuple[Link, int]) -> None:
    link, port = echo
    link.delay(0.05)
    lines = b"".join(b"%d\n" % number for number in range(10))
    with socket.create_connection((HOST, port), PATIENCE_S) as client:
        got = b""
        client.sendall(lines)
        while len(got) < len(lines):
            got += client.recv(100)
        assert got == lines
    assert link.bytes_delayed == 2 * len(lines)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster"), parts=("left", "right"), data={2: tmp_path_factory.mktemp("disk")}) as cluster:
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
        admin.create_topics([NewTopic(TOPIC, 3)])[TOPIC].result(30)
        yield cluster


def _delivered(bootstrap_servers: str, timeout_s: float) -> bool:
    """Whether a record reached every partition, and with it every broker, in time."""
    producer = Producer({"bootstrap.servers": bootstrap_servers, "acks": "all", "delivery.timeout.ms": int(timeout_s * 1000)})
    delivered = []
    for partition in range(3):
        producer.produce(TOPIC, b"x", partition=partition, on_delivery=lambda error, _message: delivered.append(error is None))
    producer.flush(timeout_s * 2)
    return delivered == [True] * 3


def _in_sync(cluster: Cluster) -> list[list[int]]:
    """The replicas of each partition that are in sync."""
    topic = AdminClient({"bootstrap.servers": cluster.bootstrap_servers}).list_topics(TOPIC, timeout=PATIENCE_S).topics[TOPIC]
    return [sorted(topic.partitions[number].isrs) for number in range(3)]


@pytest.mark.kafka
@pytest.mark.slow
def test_a_producer_goes_on_when_a_leader_is_killed_and_the_broker_comes_back_in_sync(cluster: Cluster) -> None:
    assert _delivered(cluster.bootstrap_servers, 60)
    assert cluster.kill(2)
    assert (cluster.alive(1), cluster.alive(2), cluster.alive(3)) == (True, False, True)
    assert _delivered(cluster.bootstrap_servers, 60)
    wait_until(lambda: _in_sync(cluster) == [[1, 3]] * 3, "the killed broker to be out of sync")
    cluster.start_one(2)
    assert "started" in cluster.log_of(2).read_text()
    wait_until(lambda: _in_sync(cluster) == [[1, 2, 3]] * 3, "the broker to be in sync again")


@pytest.mark.kafka
@pytest.mark.slow
def test_what_is_cut_off_times_out_while_another_part_goes_on(cluster: Cluster) -> None:
    left, right = cluster.part("left"), cluster.part("right")
    assert _delivered(cluster.bootstrap_of("left"), 60)
    left.cut()
    try:
        assert not _delivered(cluster.bootstrap_of("left"), 2)
        assert left.bytes_dropped > 0
        assert _delivered(cluster.bootstrap_of("right"), 60)
    finally:
        left.heal()
    assert _delivered(cluster.bootstrap_of("left"), 60)
    assert (right.bytes_dropped, right.bytes_delayed) == (0, 0)


@pytest.mark.kafka
@pytest.mark.slow
def test_every_broker_is_reached_through_the_parts_own_network(cluster: Cluster) -> None:
    """Metadata name the proxies, whichever broker is asked: otherwise a cut would miss two brokers of three."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_of("left")})
    told = {f"{each.host}:{each.port}" for each in admin.list_topics(timeout=PATIENCE_S).brokers.values()}
    assert told == set(cluster.bootstrap_of("left").split(","))


@pytest.mark.kafka
@pytest.mark.slow
def test_a_delay_is_felt(cluster: Cluster) -> None:
    link = cluster.part("left")
    link.delay(DELAY_S)
    try:
        with pytest.raises(KafkaException):
            AdminClient({"bootstrap.servers": cluster.bootstrap_of("left")}).list_topics(timeout=1)
        assert link.bytes_delayed > 0
    finally:
        link.heal()
    assert answers(cluster.bootstrap_of("left"), PATIENCE_S)


@pytest.mark.kafka
@pytest.mark.slow
def test_a_paused_broker_answers_nobody_and_then_goes_on(cluster: Cluster) -> None:
    cluster.pause(3)
    try:
        assert not _delivered(cluster.bootstrap_servers.split(",")[2], 1)
    finally:
        cluster.resume(3)
    assert _delivered(cluster.bootstrap_servers, 60)


@pytest.mark.kafka
@pytest.mark.slow
def test_a_broker_keeps_its_log_where_it_is_told(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    (properties,) = tmp_path_factory.getbasetemp().glob("disk0/log/meta.properties")
    assert "node.id=2" in properties.read_text()
    assert not (cluster.log_of(2).parent / "data").exists()
