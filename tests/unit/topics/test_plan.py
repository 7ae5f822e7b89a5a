"""The plan is a function of topics.yaml and the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.kafka.topic_state import ConfigState, Layout, NewTopicState, TopicState
from processor.topics.names import COMPACTED
from processor.topics.plan import AddPartitions, CreateTopic, Plan, Refused, ResetConfig, SetConfig, plan, relevant
from processor.topics.spec import parse_spec

if TYPE_CHECKING:
    from collections.abc import Mapping


def configs(overridden: Mapping[str, str], inherited: Mapping[str, str] | None = None) -> dict[str, ConfigState]:
    """Configs as a broker tells them."""
    below = {name: ConfigState(value, value) for name, value in (inherited or {}).items()}
    return below | {name: ConfigState(value, (inherited or {}).get(name), overridden=True) for name, value in overridden.items()}


def planned(text: str, topics: Mapping[str, TopicState], prefix: str = "", brokers: int = 1) -> Plan:
    """A plan, without the note about topics that these short files leave out."""
    found = plan(parse_spec(text, prefix=prefix), Layout(brokers, topics), prefix)
    return Plan(found.steps, found.refused, found.ignored, tuple(note for note in found.notes if "neither listed" not in note))


def test_a_missing_topic_is_created_as_listed_under_the_prefix() -> None:
    found = planned("topics: {predictions: {partitions: 6, replication: 3, configs: {retention.ms: 1}}}", {}, prefix="dev.")
    assert found.steps == (CreateTopic("dev.predictions", NewTopicState("dev.predictions", 6, 3, {"retention.ms": "1"})),)


def test_a_cluster_as_listed_leaves_nothing_to_do() -> None:
    cluster = {"t": TopicState(2, 3, configs({"cleanup.policy": "delete, compact", "min.cleanable.dirty.ratio": "0.10"}))}
    found = planned(
        "topics: {t: {partitions: 2, replication: 3, configs: {cleanup.policy: [compact, delete], min.cleanable.dirty.ratio: 0.1}}}",
        cluster,
    )
    assert found == Plan()
    assert found.settled


def test_partitions_are_added() -> None:
    assert planned("topics: {predictions: {partitions: 6}}", {"predictions": TopicState(2, 1)}).steps == (
        AddPartitions("predictions", 2, 6),
    )


def test_partitions_are_never_taken_away_and_the_reason_says_how_to_keep_them() -> None:
    found = planned("topics: {predictions: {partitions: 2}}", {"predictions": TopicState(6, 1)})
    assert found.steps == ()
    assert [(refused.before, refused.after) for refused in found.refused] == [("6", "2")]
    assert "partitions: 6" in found.refused[0].reason
    assert not found.settled


def test_the_queue_never_grows_under_any_prefix_and_says_why() -> None:
    found = planned("topics: {queue: {partitions: 8}}", {"dev.queue": TopicState(6, 1)}, prefix="dev.")
    assert found.steps == ()
    assert "state" in found.refused[0].reason


def test_a_topic_that_merely_ends_like_the_queue_grows() -> None:
    assert planned("topics: {work-queue: {partitions: 8}}", {"work-queue": TopicState(6, 1)}).steps == (AddPartitions("work-queue", 6, 8),)


@pytest.mark.parametrize("name", COMPACTED)
def test_the_systems_own_state_never_grows(name: str) -> None:
    found = planned(f"topics: {{{name}: {{partitions: 8}}}}", {name: TopicState(6, 1, configs({"cleanup.policy": "compact"}))})
    assert found.steps == ()
    assert "compacted" in found.refused[0].reason


def test_whatever_else_is_listed_as_compacted_never_grows() -> None:
    cluster = {"mine": TopicState(6, 1, configs({}, {"cleanup.policy": "delete"}))}
    found = planned("topics: {mine: {partitions: 8, configs: {cleanup.policy: [compact, delete]}}}", cluster)
    assert found.steps == (SetConfig("mine", "cleanup.policy", "delete", "compact,delete"),)
    assert "compacted" in found.refused[0].reason


def test_another_replication_is_reported_not_changed() -> None:
    found = planned("topics: {t: {replication: 3}}", {"t": TopicState(1, 1)})
    assert found.steps == ()
    assert found.refused[0].what == "replication"


def test_the_clusters_own_replication_is_whatever_it_is() -> None:
    assert planned("topics: {t: {replication: -1}}", {"t": TopicState(1, 3)}).settled


def test_config_drift_is_corrected_and_shown_with_both_values() -> None:
    cluster = {"t": TopicState(1, 1, configs({"retention.ms": "5"}, {"retention.ms": "9"}))}
    assert planned("topics: {t: {configs: {retention.ms: 7}}}", cluster).steps == (SetConfig("t", "retention.ms", "5", "7"),)


def test_a_listed_value_that_the_cluster_merely_inherits_is_as_listed() -> None:
    assert planned("topics: {t: {configs: {retention.ms: 9}}}", {"t": TopicState(1, 1, configs({}, {"retention.ms": "9"}))}).settled


def test_an_override_that_is_not_listed_is_drift_and_goes_back_to_what_the_cluster_says() -> None:
    cluster = {"t": TopicState(1, 1, configs({"retention.ms": "5"}, {"retention.ms": "9"}))}
    assert planned("topics: {t: {}}", cluster).steps == (ResetConfig("t", "retention.ms", "5", "9"),)


def test_an_unlisted_override_that_changes_nothing_is_no_drift() -> None:
    assert planned("topics: {t: {}}", {"t": TopicState(1, 1, configs({"retention.ms": "9"}, {"retention.ms": "9"}))}).settled


def test_throttles_of_a_running_reassignment_are_left_alone() -> None:
    assert planned("topics: {t: {}}", {"t": TopicState(1, 1, configs({"leader.replication.throttled.replicas": "*"}))}).settled


def test_a_config_that_the_broker_does_not_know_is_refused_by_name() -> None:
    found = planned("topics: {t: {configs: {retention.millis: 7}}}", {"t": TopicState(1, 1, configs({}, {"retention.ms": "9"}))})
    assert found.steps == ()
    assert found.refused[0].what == "retention.millis"


def test_existing_inputs_topics_are_held_to_the_template_and_listed_ones_to_their_entry() -> None:
    text = "{topics: {inputs.a.big: {partitions: 8}}, templates: {inputs.<user_id>.<app_id>: {configs: {retention.ms: 7}}}}"
    shape = configs({"retention.ms": "5"})
    cluster = {
        "inputs.a.small": TopicState(1, 1, shape),
        "inputs.a.big": TopicState(1, 1, shape),
        "inputs.dead-letters": TopicState(1, 1, shape),
    }
    assert set(planned(text, cluster).steps) == {
        AddPartitions("inputs.a.big", 1, 8),
        SetConfig("inputs.a.big", "retention.ms", "5", "7"),
        SetConfig("inputs.a.small", "retention.ms", "5", "7"),
    }


def test_inputs_topics_of_another_prefix_are_somebody_elses() -> None:
    text = "{topics: {}, templates: {inputs.<user_id>.<app_id>: {partitions: 4}}}"
    assert planned(text, {"inputs.a.b": TopicState(1, 1), "prod.inputs.a.b": TopicState(1, 1)}, prefix="dev.") == Plan()


def test_topics_that_are_not_listed_are_never_touched_and_named_only_under_a_prefix() -> None:
    cluster = {
        "stranger": TopicState(1, 1, configs({"retention.ms": "5"})),
        "dev.old": TopicState(1, 1),
        "__consumer_offsets": TopicState(4, 1),
    }
    assert planned("topics: {}", cluster) == Plan()
    assert planned("topics: {}", cluster, prefix="dev.") == Plan(ignored=("dev.old",))


def test_a_topic_that_is_neither_listed_nor_there_is_noted() -> None:
    notes = plan(parse_spec("topics: {predictions: {}}"), Layout(1, {"queue": TopicState(1, 1)})).notes
    assert any(note.startswith("counters ") for note in notes)
    assert not any(note.startswith(("queue ", "predictions ")) for note in notes)


def test_a_single_replica_is_noted_where_there_are_brokers_for_more() -> None:
    cluster = {"predictions": TopicState(1, 1), "queue": TopicState(1, 3)}
    assert planned("topics: {predictions: {}, queue: {}}", cluster, brokers=1).notes == ()
    (note,) = planned("topics: {predictions: {}, queue: {}}", cluster, brokers=3).notes
    assert note.endswith("has it: predictions")


def test_configs_are_needed_of_listed_and_inputs_topics_only() -> None:
    spec = parse_spec("topics: {queue: {}}")
    assert relevant(spec, ["queue", "inputs.a.b", "other", "p.queue"]) == {"queue", "inputs.a.b"}


def test_every_line_says_topic_before_and_after() -> None:
    lines = [
        str(each)
        for each in (
            CreateTopic("t", NewTopicState("t", 6, -1, {"a": "b"})),
            CreateTopic("t", NewTopicState("t", 6, 3)),
            AddPartitions("t", 1, 6),
            SetConfig("t", "c", "1", "2"),
            ResetConfig("t", "c", "1", None),
            Refused("t", "partitions", "6", "1", "why"),
        )
    ]
    assert lines == [
        "create t: partitions 6, replication the cluster's default, a=b",
        "create t: partitions 6, replication 3",
        "grow t: partitions 1 -> 6",
        "set t: c 1 -> 2",
        "reset t: c 1 -> whatever the cluster says (not listed in topics.yaml)",
        "cannot change t: partitions 6 -> 1: why",
    ]
