"""Reading the catalog: poison, torn changesets, and the start."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from processor.catalog.changes import membership_headers
from processor.catalog.follower import RECENT_MS, CatalogFollower
from processor.catalog.records import SCHEMAS, TOPICS, Kind, kind_of, record_key
from processor.catalog.values import to_value
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.kafka.reader import Record
from processor.settings import Settings
from tests.support.documents import ACME, INGEST, SAMPLE, TENTH, collector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.catalog import records

SCHEMAS_IN_USE = Schemas.checked_in()
START_MS = 1_000_000


class Log:
    """A reader of records that a test lays out, and a clock that goes on while it waits."""

    def __init__(self) -> None:
        self.before: list[Record] = []
        self.after: list[Record] = []
        self.now_s = START_MS / 1000
        self.closed = False

    def open(self, settings: Settings, topics: Sequence[str]) -> Log:
        assert topics == sorted(settings.topic_prefix + topic for topic in TOPICS.values())
        return self

    def read_to_end(self) -> Sequence[Record]:
        return self.before

    def poll(self, max_records: int, timeout_s: float) -> Sequence[Record]:
        self.now_s += timeout_s
        batch, self.after = self.after[:max_records], self.after[max_records:]
        return batch

    def close(self) -> None:
        self.closed = True


def written(record: records.Record, offset: int = 0, changeset: tuple[str, int, int] | None = None, at_ms: int = START_MS) -> Record:
    kind = kind_of(record)
    headers = membership_headers(*changeset) if changeset else ()
    return Record(
        f"p.{TOPICS[kind]}", 0, offset, at_ms, record_key(record).encode(), encode(SCHEMAS_IN_USE, SCHEMAS[kind], to_value(record)), headers
    )


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def follower(log: Log) -> CatalogFollower:
    return CatalogFollower(Settings(topic_prefix="p."), SCHEMAS_IN_USE, log.open, lambda: log.now_s)


def states(follower: CatalogFollower) -> dict[str, str]:
    return {key: reason for key, _, reason in follower.catalog.collector_states()}


def test_everything_is_read_before_the_start_and_followed_after(log: Log, follower: CatalogFollower) -> None:
    log.before = [written(record) for record in (collector(), SAMPLE, TENTH, ACME)]
    follower.bootstrap()
    assert states(follower) == {"acme/quality/c": "key acme/quality/ingest does not exist: create it with `collectors keys create`"}
    assert follower.poll() is False
    log.after = [written(INGEST)]
    assert follower.poll() is True
    assert states(follower) == {"acme/quality/c": ""}
    follower.close()
    assert log.closed


def test_a_poisoned_record_is_reported_with_its_place_and_skipped(
    log: Log, follower: CatalogFollower, caplog: pytest.LogCaptureFixture
) -> None:
    topic = f"p.{TOPICS[Kind.MODEL]}"
    log.before = [written(record) for record in (collector(), SAMPLE, TENTH, ACME, INGEST)]
    follower.bootstrap()
    before = follower.catalog.watchers
    log.after = [
        Record(topic, 0, 41, 0, b"acme/quality/keep-a-tenth", b"\x00rubbish"),
        Record(topic, 0, 42, 0, None, None),
        Record(topic, 0, 43, 0, b"acme/quality/keep-a-tenth", None, (("changeset-id", b"?"),)),
    ]
    with caplog.at_level(logging.ERROR, "collectors.catalog"):
        assert follower.poll() is False
    assert follower.poisoned == 3
    assert follower.catalog.watchers is before
    assert [f"topic {topic}, partition 0, offset {offset}" in line for offset, line in zip((41, 42, 43), caplog.messages, strict=True)] == [
        True
    ] * 3
    assert "acme/quality/keep-a-tenth" in caplog.messages[0]
    assert "rubbish" not in caplog.text


@pytest.mark.parametrize("kind", [Kind.MODEL, Kind.WORKFLOW])
@pytest.mark.parametrize("levels", [101, 300, 900])
def test_parameters_nested_beyond_reason_are_poison_and_stop_nobody(kind: Kind, levels: int, log: Log, follower: CatalogFollower) -> None:
    text = '{"params":{"metadata":' + '{"a":' * levels + "1" + "}" * levels + "}}"
    deep = {
        Kind.MODEL: replace(TENTH, model_type_id="metadata-filter", output_info=text),
        Kind.WORKFLOW: replace(SAMPLE, nodes=(replace(SAMPLE.nodes[0], output_info_override=text),)),
    }[kind]
    log.before = [written(record) for record in (collector(), SAMPLE, TENTH, ACME, INGEST)]
    follower.bootstrap()
    log.after = [written(deep)]
    assert follower.poll() is False
    assert follower.poisoned == 1
    assert states(follower) == {"acme/quality/c": ""}


@pytest.mark.parametrize("changeset", ["", "?", "-1", "0x1f", "1_0", "FF", " 1", "1\n", "0" * 65])
def test_a_changeset_is_named_by_hex_digits_and_not_too_many(changeset: str, follower: CatalogFollower, log: Log) -> None:
    follower.bootstrap()
    log.after = [written(SAMPLE, changeset=(changeset, 0, 1))]
    assert follower.poll() is False
    assert (follower.poisoned, follower.catalog.version) == (1, "")


def test_a_poisoned_record_of_megabytes_makes_a_short_line(log: Log, follower: CatalogFollower, caplog: pytest.LogCaptureFixture) -> None:
    follower.bootstrap()
    filtering = f'{{"params":{{"metadata":{{"site":{{"$regex":"{"[" * 1_000_000}"}}}}}}}}'
    bad = written(replace(TENTH, model_type_id="metadata-filter", output_info=filtering))
    log.after = [bad, bad._replace(key=b"k" * 1_000_000)]
    with caplog.at_level(logging.ERROR, "collectors.catalog"):
        follower.poll()
    assert follower.poisoned == 2
    assert len(caplog.text) < 10_000


def test_poison_does_not_hold_up_the_good_records_of_its_changeset(log: Log, follower: CatalogFollower) -> None:
    follower.bootstrap()
    bad = Record(f"p.{TOPICS[Kind.APP]}", 0, 1, START_MS, b"acme/quality", b"?", membership_headers("0001", 0, 2))
    log.after = [bad, written(collector(), changeset=("0001", 1, 2))]
    assert follower.poll() is True
    assert (follower.poisoned, follower.torn, follower.catalog.version) == (1, 0, "0001")


def test_a_call_is_never_half_applied_while_following(log: Log, follower: CatalogFollower) -> None:
    follower.bootstrap()
    log.after = [written(collector(), changeset=("0001", 0, 2))]
    assert follower.poll() is False
    assert states(follower) == {}
    log.after = [written(SAMPLE, changeset=("0001", 1, 2))]
    assert follower.poll() is True
    assert list(states(follower)) == ["acme/quality/c"]


def test_a_torn_call_is_applied_and_reported_after_five_seconds(
    log: Log, follower: CatalogFollower, caplog: pytest.LogCaptureFixture
) -> None:
    follower.bootstrap()
    log.after = [written(collector(), changeset=("0001", 0, 2))]
    assert follower.poll(4.9) is False
    assert follower.poll(5.0) is True
    assert follower.torn == 1
    assert "changeset 0001 never became whole" in caplog.text


def test_the_start_does_not_wait_for_what_compaction_has_taken(log: Log, follower: CatalogFollower) -> None:
    log.before = [written(collector(), changeset=("0001", 0, 2), at_ms=START_MS - RECENT_MS - 1)]
    follower.bootstrap()
    assert list(states(follower)) == ["acme/quality/c"]
    assert (follower.torn, log.now_s) == (0, START_MS / 1000)


def test_the_start_waits_for_a_call_that_is_just_being_written(log: Log, follower: CatalogFollower) -> None:
    log.before = [written(collector(), changeset=("0001", 0, 2))]
    log.after = [written(SAMPLE, changeset=("0001", 1, 2))]
    follower.bootstrap()
    assert list(states(follower)) == ["acme/quality/c"]
    assert follower.torn == 0


def test_the_start_waits_no_longer_than_it_was_told_to(log: Log, follower: CatalogFollower) -> None:
    log.before = [written(collector(), changeset=("0001", 0, 2))]
    follower.bootstrap()
    assert list(states(follower)) == ["acme/quality/c"]
    assert follower.torn == 1
    assert 5 <= log.now_s - START_MS / 1000 < 6
