"""What must hold of names and plans, whatever the ids, the file and the cluster."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processor.kafka.topic_state import ConfigState, Layout, TopicState
from processor.topics.names import FIXED, INPUTS_TEMPLATE, inputs_topic, is_inputs_topic, name_problem, parse_inputs_topic
from processor.topics.plan import AddPartitions, CreateTopic, Plan, ResetConfig, SetConfig, Step, plan
from processor.topics.spec import Entry, Spec, Wanted

# Few characters, so that near-collisions are likely; the shape is that of every id of the system.
ids = st.from_regex(r"[aA0][a0_-]{0,6}", fullmatch=True)
apps = st.tuples(ids, ids)


def in_metrics(topic: str) -> str:
    """A topic's name as Kafka's metrics write it."""
    return topic.replace(".", "_")


@given(apps)
def test_the_name_of_an_inputs_topic_is_legal_and_tells_its_app(app: tuple[str, str]) -> None:
    name = inputs_topic(*app)
    assert name_problem(name) == ""
    assert is_inputs_topic(name)
    assert parse_inputs_topic(name) == app


@given(apps, apps)
def test_two_apps_never_share_a_name_not_even_in_kafkas_metrics(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (one == other) == (in_metrics(inputs_topic(*one)) == in_metrics(inputs_topic(*other)))


@given(apps)
def test_no_app_meets_a_fixed_topic(app: tuple[str, str]) -> None:
    assert in_metrics(inputs_topic(*app)) not in {in_metrics(name) for name in FIXED}


@given(st.text(alphabet="inputs.a_-", max_size=20).map("inputs.".__add__))
def test_what_parses_as_an_inputs_topic_is_the_name_of_that_app(name: str) -> None:
    app = parse_inputs_topic(name)
    assert app is None or inputs_topic(*app) == name


NAMES = ("predictions", "apps", "queue", "inputs.a.b", "inputs.a.c")
CONFIGS = {"cleanup.policy": ("compact", "delete", "compact,delete"), "retention.ms": ("1", "2"), "segment.ms": ("1", "2")}
config_values = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in CONFIGS.items()})
INHERITED = {"cleanup.policy": "delete", "retention.ms": "3", "segment.ms": "3"}


def _wanted(name: str) -> st.SearchStrategy[Wanted]:
    return st.builds(Wanted, st.just(name), st.integers(1, 4), st.sampled_from((-1, 1, 3)), config_values, st.just(Entry()))


def _described(overrides: dict[str, str]) -> dict[str, ConfigState]:
    return {
        name: ConfigState(overrides.get(name, inherited), inherited, overridden=name in overrides) for name, inherited in INHERITED.items()
    }


specs = st.builds(
    lambda names, template, data: Spec({name: data[name] for name in names}, template),
    st.sets(st.sampled_from(NAMES)),
    _wanted(INPUTS_TEMPLATE),
    st.fixed_dictionaries({name: _wanted(name) for name in NAMES}),
)
states = st.builds(TopicState, st.integers(1, 4), st.sampled_from((1, 3)), config_values.map(_described))
clusters = st.dictionaries(st.sampled_from((*NAMES, "stranger")), states)
prefixes = st.sampled_from(("", "dev."))


def carried_out(cluster: dict[str, TopicState], steps: tuple[Step, ...]) -> dict[str, TopicState]:
    """The cluster after these steps, by the meaning of each."""
    after = dict(cluster)
    for step in steps:
        before = after.get(step.topic, TopicState(0, 0))
        configs = dict(before.configs)
        match step:
            case CreateTopic(topic, new):
                replication = 3 if new.replication == -1 else new.replication
                after[topic] = TopicState(new.partitions, replication, _described(dict(new.configs)))
            case AddPartitions(topic, was, total):
                assert was == before.partitions < total
                after[topic] = TopicState(total, before.replication, configs)
            case SetConfig(topic, config, _, value):
                configs[config] = ConfigState(value, INHERITED[config], overridden=True)
                after[topic] = TopicState(before.partitions, before.replication, configs)
            case ResetConfig(topic, config, _, _):
                configs[config] = ConfigState(INHERITED[config], INHERITED[config])
                after[topic] = TopicState(before.partitions, before.replication, configs)
    return after


@given(specs, clusters, prefixes)
def test_after_a_plan_there_is_nothing_to_do_and_what_was_refused_still_is(spec: Spec, found: dict[str, TopicState], prefix: str) -> None:
    cluster = {prefix + name: state for name, state in found.items()}
    first = plan(spec, Layout(1, cluster), prefix)
    second = plan(spec, Layout(1, carried_out(cluster, first.steps)), prefix)
    assert second.steps == ()
    assert {(refused.topic, refused.what) for refused in second.refused} == {(refused.topic, refused.what) for refused in first.refused}


@given(specs, clusters, prefixes)
def test_a_plan_never_shrinks_and_touches_only_what_is_listed_or_an_inputs_topic(
    spec: Spec, found: dict[str, TopicState], prefix: str
) -> None:
    cluster = {prefix + name: state for name, state in found.items()}
    after = carried_out(cluster, plan(spec, Layout(1, cluster), prefix).steps)
    for topic, before in cluster.items():
        assert after[topic].partitions >= before.partitions
        name = topic.removeprefix(prefix)
        if name not in spec.topics and not is_inputs_topic(name):
            assert after[topic] == before


@given(specs, clusters)
def test_topics_of_another_prefix_do_not_change_the_plan(spec: Spec, cluster: dict[str, TopicState]) -> None:
    foreign = {f"other.{name}": state for name, state in cluster.items()}
    own = {f"dev.{name}": state for name, state in cluster.items()}
    assert plan(spec, Layout(1, {**own, **foreign}), "dev.") == plan(spec, Layout(1, own), "dev.")


@given(specs, clusters)
def test_a_plan_has_no_order_of_its_own(spec: Spec, cluster: dict[str, TopicState]) -> None:
    backwards = Layout(1, dict(reversed(cluster.items())))
    found: Plan = plan(spec, backwards)
    assert found == plan(spec, Layout(1, cluster))
