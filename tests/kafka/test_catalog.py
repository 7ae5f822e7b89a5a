"""The catalog on a real broker: written in one transaction, read to its committed end, followed, never in part."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from processor.catalog.follower import CatalogFollower
from processor.catalog.records import TOPICS, Kind
from processor.catalog.view import look_for_topics, read_catalog
from processor.catalog.write import VALUE_BYTES_MAX, CatalogWriter, Order
from processor.codec.registry import Schemas
from processor.errors import FixCluster, FixDocuments
from processor.kafka.client import producer, transactional_producer
from processor.kafka.writer import Outgoing, write_transaction
from processor.topics.apply import apply_topics
from processor.topics.names import prefixed
from tests.support.documents import ACME, GENERAL, INGEST, SAMPLE, TENTH, change, collector, everything, gone
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from processor.catalog.changes import Change
    from processor.settings import Settings

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).parents[2]
SCHEMAS = Schemas.checked_in()
APPS_OF = {("acme", "quality")}
LOADED_WITHIN_S = 30.0


@pytest.fixture
def cluster(settings: Settings) -> Settings:
    made = settings.model_copy(update={"config_folder": ROOT})
    apply_topics(made)
    return made


@pytest.fixture
def follower(cluster: Settings) -> Iterator[CatalogFollower]:
    made = CatalogFollower(cluster, SCHEMAS)
    made.bootstrap()
    yield made
    made.close()


def ordered(changes: Sequence[Change], apps: Collection[tuple[str, str]] = (), newest: str = "") -> Order:
    return Order(changes, [None] * len(changes), apps, newest, "test", datetime.now(UTC))


def write(settings: Settings, *changes: object, newest: str = "") -> str:
    return CatalogWriter(settings, SCHEMAS).write(ordered(list(changes), APPS_OF, newest))  # type: ignore[arg-type]  # changes, said shorter


def states(follower: CatalogFollower) -> dict[str, str]:
    return {key: reason for key, _, reason in follower.catalog.collector_states()}


def test_an_empty_catalog_is_read_and_then_followed(cluster: Settings, follower: CatalogFollower) -> None:
    assert (follower.catalog.version, follower.catalog.watchers) == ("", {})
    version = write(cluster, *everything())
    wait_until(follower.poll, "the changeset")
    assert states(follower) == {"acme/quality/c": ""}
    assert follower.catalog.version == version
    assert [each.key for each in follower.catalog.watchers[GENERAL].collectors] == ["acme/quality/c"]


def test_what_comes_is_told_at_once_however_long_one_would_wait(cluster: Settings, follower: CatalogFollower) -> None:
    """A reader that waited for a full batch would be waited for by everybody who waits for one record."""
    while not follower.catalog.version:  # it may return for other news too
        waiting = threading.Thread(target=follower.poll, args=(3600.0,), daemon=True)
        waiting.start()
        write(cluster, change(ACME))
        wait_until(lambda waiting=waiting: not waiting.is_alive(), "the reader to tell what came")
    assert [key for key, _ in follower.catalog.records(Kind.APP)] == ["acme/quality"]


def test_a_late_reader_has_what_an_early_one_has_whatever_the_order_of_writing(cluster: Settings, follower: CatalogFollower) -> None:
    newest = ""
    for each in [*reversed(everything(collector("d", paused=True))), gone(collector("d")), change(replace(ACME, plan="enterprise"))]:
        newest = write(cluster, each, newest=newest)
    wait_until(lambda: follower.poll() and follower.catalog.version == newest, "the last changeset")
    late = read_catalog(cluster, SCHEMAS)
    look_for_topics(cluster, late)
    assert late.watchers == follower.catalog.watchers
    assert [late.records(kind) for kind in Kind] == [follower.catalog.records(kind) for kind in Kind]
    assert (late.version, list(late.collector_states())) == (newest, [("acme/quality/c", True, "")])


def test_all_who_follow_at_the_same_time_have_all_of_it(cluster: Settings) -> None:
    write(cluster, *everything())
    followers = [CatalogFollower(cluster, SCHEMAS) for _ in range(2)]
    threads = [threading.Thread(target=follower.bootstrap, daemon=True) for follower in followers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LOADED_WITHIN_S)
    assert not any(thread.is_alive() for thread in threads), "one waits for partitions that another one has"
    assert {follower.catalog.collectors_by_state() for follower in followers} == {(1, 0)}
    for follower in followers:
        follower.close()


def test_the_inputs_topic_is_there_before_the_collector_can_be_seen(cluster: Settings, follower: CatalogFollower) -> None:
    write(cluster, *everything())
    look_for_topics(cluster, follower.catalog)
    wait_until(follower.poll, "the changeset")
    assert states(follower) == {"acme/quality/c": ""}


def test_a_missing_inputs_topic_is_a_reason_and_no_stall(cluster: Settings) -> None:
    CatalogWriter(cluster, SCHEMAS).write(ordered(everything()))
    catalog = read_catalog(cluster, SCHEMAS)
    look_for_topics(cluster, catalog)
    ((_, active, reason),) = catalog.collector_states()
    assert not active
    assert "inputs topic inputs.acme.quality does not exist" in reason


def test_calls_over_several_topics_are_never_seen_in_part(cluster: Settings, follower: CatalogFollower) -> None:
    """Each call writes one number into records of four topics; whoever looks sees the same number in all four."""
    calls = 15

    def write_all() -> None:
        newest = ""
        for number in range(calls):
            text = str(number)
            marked = [replace(each, description=text) for each in (ACME, TENTH, SAMPLE, collector())]
            newest = write(cluster, *(change(each) for each in marked), newest=newest)

    writer = threading.Thread(target=write_all)
    writer.start()
    seen: list[str] = []
    deadline = time.monotonic() + 60
    while (not seen or seen[-1] != str(calls - 1)) and time.monotonic() < deadline:
        if follower.poll(0.01):
            found = [record for kind in Kind for _, record in follower.catalog.records(kind)]
            (text,) = {record.description for record in found}
            assert len(found) == 4
            seen.append(text)
    writer.join()
    assert seen[-1] == str(calls - 1)
    assert len(seen) > 1
    assert follower.torn == 0


def test_an_aborted_call_is_seen_by_nobody(cluster: Settings, follower: CatalogFollower) -> None:
    aborting = transactional_producer(cluster, f"{cluster.topic_prefix}aborting")
    aborting.init_transactions(30)
    aborting.begin_transaction()
    aborting.produce(prefixed(cluster, TOPICS[Kind.APP]), key=b"acme/quality", value=b"poison, were it read")
    aborting.flush(30)
    aborting.abort_transaction(30)
    write(cluster, change(replace(ACME, id="later")))
    wait_until(follower.poll, "the committed call")
    assert [key for key, _ in follower.catalog.records(Kind.APP)] == ["acme/later"]
    assert follower.poisoned == 0
    assert [key for key, _ in read_catalog(cluster, SCHEMAS).records(Kind.APP)] == ["acme/later"]


def test_a_poisoned_record_is_skipped_at_the_start_and_while_following(cluster: Settings, follower: CatalogFollower) -> None:
    write(cluster, *everything())
    poison = producer(cluster)
    poison.produce(prefixed(cluster, TOPICS[Kind.MODEL]), key=b"acme/quality/keep-a-tenth", value=b"\x00\x00\x00\x00\x01\xff")
    poison.flush(30)
    write(cluster, change(replace(ACME, description="after the poison")))
    wait_until(lambda: follower.poll() and follower.poisoned == 1, "poison")
    late = CatalogFollower(cluster, SCHEMAS)
    late.bootstrap()
    late.close()
    assert late.poisoned == 1
    assert states(late) == {"acme/quality/c": ""}


def test_a_torn_changeset_is_waited_for_then_applied_and_reported(cluster: Settings) -> None:
    impatient = cluster.model_copy(update={"changeset_wait_ms": 500})
    follower = CatalogFollower(impatient, SCHEMAS)
    follower.bootstrap()
    outgoing = [
        Outgoing(each.topic, each.key, each.value, each.headers)
        for each in (
            CatalogWriter(cluster, SCHEMAS)._outgoing(change(ACME), _headers(0)),
            CatalogWriter(cluster, SCHEMAS)._outgoing(change(INGEST), _headers(1)),
        )
    ]
    write_transaction(cluster, outgoing[:1])
    started = time.monotonic()
    wait_until(follower.poll, "what there is of it")
    assert time.monotonic() - started > 0.3
    assert (follower.torn, follower.catalog.get(Kind.APP, "acme/quality")) == (1, ACME)
    write_transaction(cluster, outgoing[1:])
    wait_until(follower.poll, "the rest")
    follower.close()


def _headers(index: int) -> tuple[tuple[str, bytes], ...]:
    return (("changeset-id", b"0000000000000001aa"), ("changeset-index", str(index).encode()), ("changeset-count", b"2"))


def test_nothing_of_a_call_with_a_record_that_is_too_large_is_written(cluster: Settings) -> None:
    with pytest.raises(FixDocuments, match="Model acme/quality/keep-a-tenth: takes 8000"):
        write(cluster, change(ACME), change(replace(TENTH, description="x" * VALUE_BYTES_MAX)))
    assert read_catalog(cluster, SCHEMAS).records(Kind.APP) == []


def test_a_cluster_without_the_catalog_topics_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(FixCluster, match="collectors topics apply"):
        read_catalog(settings, SCHEMAS)
