"""Where the cluster is: the setting, else the broker that runs in the working directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.errors import FixUsage
from processor.kafka.address import BROKER_FOLDER, bootstrap_servers
from processor.kafka.broker_record import BrokerRecord, hold, write_record
from processor.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _record() -> None:
    BROKER_FOLDER.mkdir(parents=True)
    write_record(BROKER_FOLDER, BrokerRecord("127.0.0.1:20123", 4711))


def test_the_setting_wins_over_the_broker_of_the_working_directory() -> None:
    _record()
    with hold(BROKER_FOLDER):
        assert bootstrap_servers(Settings(bootstrap_servers="kafka.example:9092")) == "kafka.example:9092"


def test_without_a_setting_the_broker_that_runs_here_is_used() -> None:
    _record()
    with hold(BROKER_FOLDER):
        assert bootstrap_servers(Settings()) == "127.0.0.1:20123"


def test_without_either_the_error_says_both_ways_out() -> None:
    with pytest.raises(FixUsage, match="no cluster is set: start one here with `collectors kafka up`, or set COLLECTORS_BOOTSTRAP_SERVERS"):
        bootstrap_servers(Settings())


def test_a_broker_that_ended_without_being_stopped_is_told_by_its_address() -> None:
    _record()
    with pytest.raises(FixUsage, match=r"\(127\.0\.0\.1:20123\) does not run: start one here with `collectors kafka up`"):
        bootstrap_servers(Settings())
