"""``collectors consume``, without a broker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from processor.cli import consume
from processor.kafka.reader import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

TOPIC = "inputs.acme.quality"


class Cluster:
    """A cluster in which the inputs topic exists and one of its partitions has no leader; and the reader of the topic."""

    def __init__(self, values: list[bytes | None]) -> None:
        self._values = values

    def has(self, name: str) -> bool:
        return name == TOPIC and bool(self._values)

    def names(self) -> frozenset[str]:
        return frozenset()

    def read_to_end(self) -> Iterator[Record]:
        for offset, value in enumerate(self._values):
            yield Record(TOPIC, 0, offset, 7, b"key", value, (("collector", b"acme/quality/c"),))

    def close(self) -> None:
        """Nothing is open."""


def consumed(monkeypatch: pytest.MonkeyPatch, *values: bytes | None) -> Any:
    cluster = Cluster(list(values))
    monkeypatch.setattr(consume, "Admin", lambda _: cluster)
    monkeypatch.setattr(consume, "TopicReader", lambda *_: cluster)
    options = ["--user", "acme", "--app", "quality", "--from-beginning"]
    result = CliRunner().invoke(consume.command, options, env={"COLLECTORS_BOOTSTRAP_SERVERS": "nowhere:1"}, obj={})
    assert result.exit_code == 0, result
    return result


def test_what_was_collected_is_shown_though_a_partition_lacks_a_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    result = consumed(monkeypatch, b'{"id":"1"}')
    assert result.stderr == ""
    assert json.loads(result.stdout) == {
        "partition": 0,
        "offset": 0,
        "timestamp": 7,
        "key": "key",
        "headers": {"collector": "acme/quality/c"},
        "value": {"id": "1"},
    }


def test_without_a_topic_nothing_was_ever_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    result = consumed(monkeypatch)
    assert (result.stdout, result.stderr) == ("", f"no topic {TOPIC}: nothing was ever collected for acme/quality\n")


@pytest.mark.parametrize("garbage", [b"", b"no JSON", b"\xff\x00", b'{"a":1'])
def test_what_is_no_json_is_shown_as_bytes_and_does_not_hide_what_follows(monkeypatch: pytest.MonkeyPatch, garbage: bytes) -> None:
    first, second, third = map(json.loads, consumed(monkeypatch, garbage, b"{}", None).stdout.splitlines())
    assert (first["value"], consume.base64.b64decode(first["value_base64"])) == (None, garbage)
    assert (second["value"], third["value"]) == ({}, None)
    assert "value_base64" not in {**second, **third}


def test_a_value_is_printed_as_it_was_written_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = consumed(monkeypatch, b'{"metadata":\r\n{"big": 18446744073709551617, "small": 1.50}\n}').stdout.splitlines()
    assert '"value":{"metadata":  {"big": 18446744073709551617, "small": 1.50} }}' in line
