"""topics.yaml against a real broker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
from click.testing import CliRunner

from processor.cli.topics import command
from processor.errors import EXIT_CHANGES, EXIT_DONE, EXIT_FAILED, CollectorsError, FixCluster
from processor.kafka.admin import Admin
from processor.kafka.client import producer
from processor.kafka.topic_state import NewTopicState
from processor.topics.apply import apply_topics, plan_topics
from processor.topics.ensure import ensure_inputs_topics
from processor.topics.names import COUNTERS, FIXED, PREDICTIONS, prefixed
from processor.topics.plan import SetConfig
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from click.testing import Result

    from processor.settings import Settings

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]


def with_file(settings: Settings, folder: Path, text: str) -> Settings:
    """The settings with a topics.yaml of the test's own."""
    (folder / "topics.yaml").write_text(text, encoding="utf-8")
    return settings.model_copy(update={"config_folder": folder})


def run(settings: Settings, *arguments: str) -> Result:
    """``collectors topics`` with these settings."""
    environment = {
        "COLLECTORS_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "COLLECTORS_TOPIC_PREFIX": settings.topic_prefix,
        "COLLECTORS_CONFIG_FOLDER": str(settings.config_folder or ROOT),
    }
    return CliRunner().invoke(command, list(arguments), env=environment)


def test_apply_makes_every_topic_writable_and_the_second_time_there_is_nothing_to_do(settings: Settings) -> None:
    assert plan_topics(settings).settled is False
    first = apply_topics(settings)
    assert {step.topic for step in first.steps} == {prefixed(settings, name) for name in FIXED}
    assert {step.topic for step in first.steps} <= Admin(settings).names()
    assert plan_topics(settings).settled
    assert apply_topics(settings).steps == ()


def test_one_broker_is_enough_for_a_record_that_every_replica_has_taken(settings: Settings) -> None:
    apply_topics(settings)
    failures: list[object] = []
    client = producer(settings)
    client.produce(prefixed(settings, PREDICTIONS), value=b"x", on_delivery=lambda error, _: failures.append(error))
    assert client.flush(20) == 0
    assert failures == [None]


def test_drift_made_behind_our_back_is_shown_and_corrected(settings: Settings) -> None:
    apply_topics(settings)
    topic = prefixed(settings, PREDICTIONS)
    listed = Admin(settings).topics([topic])[topic].configs["retention.ms"].value
    Admin(settings).alter_configs(topic, {"retention.ms": "1000", "segment.ms": "60000"})
    steps = wait_until(lambda: len(found := plan_topics(settings).steps) == 2 and found, "the drift to show")
    assert SetConfig(topic, "retention.ms", "1000", listed) in steps
    apply_topics(settings)
    configs = Admin(settings).topics([topic])[topic].configs
    assert configs["retention.ms"].value == listed
    assert not configs["segment.ms"].overridden


def test_partitions_are_added_but_not_taken_away_and_the_rest_is_still_done(settings: Settings, tmp_path: Path) -> None:
    apply_topics(with_file(settings, tmp_path, "topics: {predictions: {partitions: 2}, counters: {partitions: 2}}"))
    apply_topics(with_file(settings, tmp_path, "topics: {predictions: {partitions: 4}, counters: {partitions: 2}}"))
    assert Admin(settings).layout().topics[prefixed(settings, PREDICTIONS)].partitions == 4
    done = apply_topics(
        with_file(
            settings, tmp_path, "topics: {predictions: {partitions: 1}, counters: {partitions: 4}, queue: {configs: {retention.ms: 5}}}"
        )
    )
    assert {(refused.topic, refused.what) for refused in done.refused} == {
        (prefixed(settings, PREDICTIONS), "partitions"),
        (prefixed(settings, COUNTERS), "partitions"),
    }
    layout = Admin(settings).layout().topics
    assert [layout[prefixed(settings, name)].partitions for name in (PREDICTIONS, COUNTERS, "queue")] == [4, 2, 1]


def test_a_topic_that_is_not_listed_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    stranger = prefixed(settings, "stranger")
    Admin(settings).create([NewTopicState(stranger, 3, -1, {"retention.ms": "77"})])
    done = apply_topics(with_file(settings, tmp_path, "topics: {predictions: {}}"))
    assert done.ignored == (stranger,)
    state = Admin(settings).topics([stranger])[stranger]
    assert (state.partitions, state.configs["retention.ms"].value) == (3, "77")


def test_an_existing_inputs_topic_is_held_to_the_template(settings: Settings, tmp_path: Path) -> None:
    template = "{topics: {}, templates: {inputs.<user_id>.<app_id>: {configs: {retention.ms: %d}}}}"
    (topic,) = ensure_inputs_topics(with_file(settings, tmp_path, template % 7), [("a", "b_c")])
    assert topic == prefixed(settings, "inputs.a.b__c")
    changed = with_file(settings, tmp_path, template % 8)
    assert apply_topics(changed).steps == (SetConfig(topic, "retention.ms", "7", "8"),)
    assert plan_topics(changed).settled


def test_inputs_topics_are_made_once_and_can_be_written_to_at_once(settings: Settings) -> None:
    apps = [("acme", "quality"), ("acme", "quality"), ("acme", "other")]
    made = ensure_inputs_topics(settings, apps)
    assert len(made) == 2
    assert set(made) <= Admin(settings).names()
    assert ensure_inputs_topics(settings, apps) == ()
    assert ensure_inputs_topics(settings, []) == ()


def test_two_writers_that_make_the_same_inputs_topic_at_once_both_succeed_and_one_made_it(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: ensure_inputs_topics(settings, [("acme", "quality")]), range(4)))
    assert sum(map(len, made)) == 1


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("replication: 3", "lower `replication`"),
        ("configs: {retention.millis: 1}", "correct `configs`"),
        ("configs: {retention.ms: soon}", "retention.ms"),
    ],
)
def test_what_the_broker_refuses_is_said_with_the_topic_and_what_to_do(settings: Settings, tmp_path: Path, entry: str, words: str) -> None:
    with pytest.raises(FixCluster) as caught:
        apply_topics(with_file(settings, tmp_path, f"topics: {{predictions: {{{entry}}}, queue: {{}}}}"))
    assert prefixed(settings, PREDICTIONS) in str(caught.value)
    assert words in str(caught.value)
    assert prefixed(settings, "queue") in Admin(settings).layout().topics


def test_a_topic_that_nobody_makes_is_waited_for_no_longer_than_asked(settings: Settings) -> None:
    with pytest.raises(FixCluster, match="no leader within"):
        Admin(settings).wait_for_topics([prefixed(settings, "nowhere")], timeout_s=0.1)


def test_the_commands_exit_codes_tell_apart_to_do_done_and_what_cannot_be(settings: Settings, tmp_path: Path) -> None:
    two = with_file(settings, tmp_path, "topics: {predictions: {partitions: 2}}")
    assert run(two, "plan").exit_code == EXIT_DONE
    assert run(two, "plan", "--exit-code").exit_code == EXIT_CHANGES
    assert run(two, "apply").exit_code == EXIT_DONE
    settled = run(two, "plan", "--exit-code")
    assert settled.exit_code == EXIT_DONE
    assert settled.stdout.endswith("nothing to do\n")
    one = with_file(settings, tmp_path, "topics: {predictions: {partitions: 1}}")
    assert run(one, "plan", "--exit-code").exit_code == EXIT_CHANGES
    refused = run(one, "apply")
    assert isinstance(refused.exception, CollectorsError)
    assert refused.exception.exit_code == EXIT_FAILED


def test_json_has_each_step_flat_and_nothing_else_on_stdout(settings: Settings, tmp_path: Path) -> None:
    two = with_file(settings, tmp_path, "topics: {predictions: {partitions: 2, configs: {retention.ms: 5}}}")
    found = orjson.loads(run(two, "plan", "--json").stdout)
    topic = prefixed(settings, PREDICTIONS)
    assert found["steps"] == [{"action": "create", "topic": topic, "partitions": 2, "replication": -1, "configs": {"retention.ms": "5"}}]
    assert found["settled"] is False
    assert orjson.loads(run(two, "apply", "--json").stdout)["steps"] == found["steps"]
    assert orjson.loads(run(two, "plan", "--json").stdout)["settled"] is True
