"""What a local worker is told, and what it refuses before it starts."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from processor.connect.worker import LocalConnect, running_worker
from processor.connect.worker_properties import Place, worker_properties
from processor.errors import FixMachine, FixUsage
from processor.kafka.broker_record import hold
from processor.settings import Settings

PLACE = Place("broker:9092", "t-", "http://127.0.0.1:8083", Path("/plugins"), Path("/secrets"))


def test_a_worker_and_its_topics_carry_the_prefix() -> None:
    properties = worker_properties(PLACE, {})
    names = [properties[name] for name in ("group.id", "config.storage.topic", "offset.storage.topic", "status.storage.topic")]
    assert names == ["t-connect", "t-connect-configs", "t-connect-offsets", "t-connect-status"]


def test_configurations_may_refer_to_files_of_the_secret_store_only() -> None:
    properties = worker_properties(PLACE, {})
    providers = properties["config.providers"].split(",")
    assert {properties[f"config.providers.{name}.param.allowed.paths"] for name in providers} == {"/secrets"}


def test_a_worker_listens_on_loopback_and_does_not_look_through_every_jar() -> None:
    properties = worker_properties(PLACE, {})
    assert (properties["listeners"], properties["plugin.discovery"]) == ("http://127.0.0.1:8083", "service_load")


def test_further_settings_win() -> None:
    assert worker_properties(PLACE, {"offset.flush.interval.ms": "300"})["offset.flush.interval.ms"] == "300"


def test_a_taken_port_is_named_and_a_free_one_is_offered(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = LocalConnect(Settings(), "broker:9092", tmp_path)
        worker._port = port = listener.getsockname()[1]  # as after a stop
        with pytest.raises(
            FixMachine, match=rf"port {port} of 127.0.0.1 is taken by another program: choose another one \(port \d+ is free\)"
        ):
            worker.start()


def test_a_worker_that_was_never_started_has_no_address_and_cannot_be_stopped(tmp_path: Path) -> None:
    worker = LocalConnect(Settings(), "broker:9092", tmp_path)
    assert (worker.running, worker.stop(), worker.kill(), running_worker(tmp_path)) == (None, False, False, None)
    with pytest.raises(FixUsage, match="no port before it is started"):
        _ = worker.url


def test_a_folder_that_another_program_holds_is_told(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(FixMachine, match=r"another program holds .* and starts no worker in it"):
        LocalConnect(Settings(), "broker:9092", tmp_path).start(timeout_s=0.1)
