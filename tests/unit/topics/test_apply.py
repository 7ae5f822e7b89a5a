"""What a plan asks of the cluster, and what an app's inputs topic is made of."""

from __future__ import annotations

import pytest

from processor.errors import FixCluster, FixUsage
from processor.kafka.topic_state import Layout, NewTopicState, TopicState
from processor.settings import Settings
from processor.topics.apply import config_changes
from processor.topics.ensure import check_room, inputs_topics
from processor.topics.plan import AddPartitions, Plan, ResetConfig, SetConfig
from processor.topics.spec import parse_spec


def test_config_changes_of_a_topic_go_in_one_request() -> None:
    steps = (SetConfig("t", "a", "1", "2"), AddPartitions("t", 1, 2), ResetConfig("t", "b", "1", "0"), SetConfig("u", "a", "1", "2"))
    assert config_changes(Plan(steps)) == {"t": {"a": "2", "b": None}, "u": {"a": "2"}}


def test_inputs_topics_carry_the_prefix_and_the_template() -> None:
    spec = parse_spec("{topics: {inputs.a.big: {partitions: 4}}, templates: {inputs.<user_id>.<app_id>: {configs: {retention.ms: 7}}}}")
    made = inputs_topics(spec, Settings(topic_prefix="dev."), [("a", "small_app"), ("a", "big")])
    assert made == [
        NewTopicState("dev.inputs.a.small__app", 1, -1, {"retention.ms": "7"}),
        NewTopicState("dev.inputs.a.big", 4, -1, {"retention.ms": "7"}),
    ]


def test_all_ids_that_make_no_legal_name_are_told_at_once() -> None:
    with pytest.raises(FixUsage) as caught:
        inputs_topics(parse_spec("topics: {}"), Settings(), [("a", "x" * 250), ("b", "y" * 250), ("c", "d")])
    assert str(caught.value).count("inputs topic") == 2


def test_more_replicas_than_the_brokers_stand_are_refused_before_anything_is_made() -> None:
    layout = Layout(2, {"t": TopicState(9_999, 2)})
    check_room(layout, [NewTopicState("a", 2, 1)])
    with pytest.raises(FixCluster, match="20001"):
        check_room(layout, [NewTopicState("a", 3, -1)])


def test_a_full_cluster_refuses_nothing_when_nothing_is_new() -> None:
    check_room(Layout(1, {"t": TopicState(20_000, 1)}), [])
