"""Brokers for tests: in a container where a Docker engine answers, else from the bundled Java runtime. Both are the same Kafka."""

from __future__ import annotations

import contextlib
import gc
import os
import warnings
from typing import TYPE_CHECKING, Protocol

from processor.kafka.broker_properties import broker_properties
from processor.kafka.jars import KAFKA_VERSION
from processor.kafka.local import LocalBroker
from processor.kafka.machine import free_port
from processor.kafka.ping import answers
from processor.settings import Settings
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
CONTROLLER_PORT = 9093
INSIDE_PORT = 9092


class Broker(Protocol):
    """What tests may ask of a broker, however it runs. Data and address outlive stop, kill and start."""

    @property
    def bootstrap_servers(self) -> str: ...

    def start(self) -> object: ...

    def stop(self) -> object: ...

    def kill(self) -> object: ...


class ContainerBroker:
    """A broker in a container; its port on this host stays the same after every start."""

    def __init__(
        self,
        extra_properties: Mapping[str, str] | None = None,
        client_properties: Mapping[str, str] | None = None,
        ports: tuple[int, ...] = (),
    ) -> None:
        with warnings.catch_warnings():
            # Imported only here: without an engine nobody needs it, and its own imports warn.
            warnings.simplefilter("ignore")
            from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - as above
        self._port, *others = ports or (free_port(),)
        self._client = dict(client_properties or {})
        self._container = DockerContainer(IMAGE)
        for port in (self._port, *others):
            self._container = self._container.with_bind_ports(port, port)
        self._host = self._container.get_docker_client().host()
        properties = container_properties(self._host, self._port, extra_properties or {})
        self._container.with_envs(**container_environment(properties))
        self._started = False

    @staticmethod
    def host() -> str:
        """By which name a container's ports are reached."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415 - as above
        return DockerClient().host()

    @property
    def bootstrap_servers(self) -> str:
        return f"{self._host}:{self._port}"

    def start(self) -> None:
        if self._started:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
        self._started = True
        wait_until(
            lambda: answers(self.bootstrap_servers, properties=self._client), f"the broker at {self.bootstrap_servers}", timeout_s=90
        )

    def stop(self) -> None:
        self._container.get_wrapped_container().stop(timeout=30)

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def remove(self) -> None:
        self._container.stop()


def container_properties(host: str, port: int, extra: Mapping[str, str]) -> dict[str, str]:
    """The local broker's own settings, listening on every address of the container and talking to itself inside it."""
    return {
        **broker_properties(host, port, CONTROLLER_PORT, {}),
        "listeners": f"PLAINTEXT://0.0.0.0:{port},INSIDE://127.0.0.1:{INSIDE_PORT},CONTROLLER://127.0.0.1:{CONTROLLER_PORT}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port},INSIDE://127.0.0.1:{INSIDE_PORT}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "INSIDE",
        "log.dirs": "/tmp/kraft-combined-logs",  # noqa: S108 - the image's own folder, inside the container
        **extra,
    }


def container_environment(properties: Mapping[str, str]) -> dict[str, str]:
    """Broker settings as the image takes them: ``log.dirs`` is ``KAFKA_LOG_DIRS``, a dash three underscores; no name has one of its own."""
    return {f"KAFKA_{name.replace('-', '___').replace('.', '_').upper()}": value for name, value in properties.items()}


def docker_answers() -> bool:
    """Whether an engine is there; having its client installed proves nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = _ping()
        # A client that finds no engine leaves an open socket behind; it is collected here, where nobody minds.
        gc.collect()
    return answer


def _ping() -> bool:
    try:
        import docker  # noqa: PLC0415 - only where containers are asked for

        with contextlib.closing(docker.from_env(timeout=5)) as client:
            return bool(client.ping())
    except Exception:  # noqa: BLE001 - whatever is wrong with it: no engine
        return False


def make_broker(kind: str, folder: Path, extra_properties: Mapping[str, str] | None = None) -> LocalBroker | ContainerBroker:
    """A broker that is not started yet.

    Args:
        kind: ``docker``, ``java``, or ``auto``: a container where an engine answers.
        folder: where the data of a broker without container go.
        extra_properties: further broker settings.
    """
    if kind == "docker" or (kind == "auto" and docker_answers()):
        return ContainerBroker(extra_properties)
    return LocalBroker(Settings(bootstrap_servers=""), folder, extra_properties=extra_properties)


def remove_broker(broker: LocalBroker | ContainerBroker) -> None:
    """End a broker for good: nobody needs its data any more."""
    if isinstance(broker, ContainerBroker):
        broker.remove()
    else:
        broker.kill()


def clear_environment() -> None:
    """Forget the developer's own settings; only where jars come from and are kept is this machine's business."""
    kept = {"COLLECTORS_CACHE_DIR", "COLLECTORS_MAVEN_URL"}
    for name in [name for name in os.environ if name.startswith("COLLECTORS_") and name not in kept]:
        del os.environ[name]
