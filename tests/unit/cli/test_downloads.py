"""Downloads are told on stderr, in a few lines where there is no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.cli.downloads import download_progress
from processor.kafka.jars import manifest

if TYPE_CHECKING:
    import pytest


def test_away_from_a_terminal_a_download_takes_a_handful_of_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    jars = manifest("broker")
    with download_progress("Apache Kafka") as progress:
        progress.begin(len(jars), sum(jar.bytes for jar in jars))
        for jar in jars:
            progress.finished(jar)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == ["downloading Apache Kafka: 45 MB"] + [
        f"downloading Apache Kafka: jar {number} of 46" for number in (10, 19, 28, 37, 46)
    ]


def test_when_everything_is_in_the_cache_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with download_progress("Apache Kafka"):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_note_is_told_as_it_is_however_long_and_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    note = "a/long/path/" * 30 + " [red] is damaged"
    with download_progress("Apache Kafka") as progress:
        progress.note(note)
    assert capsys.readouterr().err == f"{note}\n"
