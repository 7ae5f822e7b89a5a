"""A broker runs when its lock is held, whatever the record says."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from processor.kafka.broker_record import BrokerRecord, forget_record, hold, is_locked, read_record, running_broker, write_record

if TYPE_CHECKING:
    from pathlib import Path

RECORD = BrokerRecord("127.0.0.1:9092", 4711)


def test_a_record_is_read_as_it_was_written_until_it_is_forgotten(tmp_path: Path) -> None:
    write_record(tmp_path, RECORD)
    assert read_record(tmp_path) == RECORD
    forget_record(tmp_path)
    assert read_record(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": 1}', '{"bootstrap_servers": "x", "pid": "y"}'])
def test_a_record_that_cannot_be_read_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "broker.json").write_text(text)
    assert read_record(tmp_path) is None


def test_a_record_without_a_lock_is_of_a_broker_that_is_gone(tmp_path: Path) -> None:
    write_record(tmp_path, RECORD)
    assert running_broker(tmp_path) is None


def test_the_lock_is_held_by_one_only_and_looking_at_it_takes_nothing(tmp_path: Path) -> None:
    write_record(tmp_path, RECORD)
    with hold(tmp_path) as ours:
        assert ours is not None
        assert running_broker(tmp_path) == RECORD
        with hold(tmp_path) as theirs:
            assert theirs is None
    assert not is_locked(tmp_path)


def test_the_lock_is_held_as_long_as_the_process_that_was_given_it_lives(tmp_path: Path) -> None:
    with hold(tmp_path) as lock:
        assert lock is not None
        heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,))
    with heir:
        held_while_alive = is_locked(tmp_path)
        heir.kill()
    assert (held_while_alive, is_locked(tmp_path)) == (True, False)


def test_a_folder_that_nobody_ever_used_is_not_locked_and_stays_empty(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []
