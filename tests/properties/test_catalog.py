"""In whatever order and portions changes come, the catalog is the one that reading the final records at once gives."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.catalog.changes import Change, Membership
from processor.catalog.changesets import Arrived, Changesets
from processor.catalog.records import (
    App,
    Collector,
    Key,
    Kind,
    KnowledgeGraph,
    Model,
    Relation,
    SpentQuota,
    Workflow,
    WorkflowNode,
    kind_of,
    record_key,
)
from processor.catalog.store import Catalog
from processor.limits.rules import Quota
from processor.topics.names import inputs_topic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from processor.catalog.records import Record

PLANS = ("pro",)
USERS = st.sampled_from(["u", "v"])
APPS = st.sampled_from(["a", "b"])
IDS = st.sampled_from(["x", "y"])
OUTPUT_INFO = {
    "random-sample": '{"params":{"keep_fraction":0.5}}',
    "concept-threshold": '{"params":{"value":0.5}}',
    "region-threshold": '{"params":{"value":0.5}}',
    "concept-synonym-mapper": '{"params":{"knowledge_graph_id":"x"}}',
    "served": "",
}

apps = st.builds(App, USERS, APPS, st.sampled_from(["pro", "pro", "free"]), st.sampled_from([(), ("u",), ("v",)]))
keys = st.builds(Key, USERS, st.sampled_from(["a", "b", ""]), IDS, st.sampled_from([("PostInputs",), ("PostInputs",), ("Predict",)]))
graphs = st.builds(KnowledgeGraph, USERS, APPS, IDS, st.sampled_from([(), (Relation("dog", "hyponym", "animal"),)]))
models = st.builds(
    lambda user, app, id_, kind, visibility: Model(user, app, id_, kind, OUTPUT_INFO[kind], visibility),
    USERS,
    APPS,
    IDS,
    st.sampled_from(sorted(OUTPUT_INFO)),
    st.sampled_from(["PUBLIC", "PRIVATE"]),
)
first_nodes = st.builds(WorkflowNode, st.just("n"), st.sampled_from(["", "u"]), st.sampled_from(["", "a"]), IDS)
more_nodes = st.lists(
    st.builds(WorkflowNode, st.just("m"), st.just(""), st.just(""), IDS, inputs=st.sampled_from([(), ("n",)])), max_size=1
)
workflows = st.builds(
    lambda user, app, id_, first, more: Workflow(user, app, id_, (first, *more)), USERS, APPS, IDS, first_nodes, more_nodes
)
collectors = st.builds(
    Collector,
    USERS,
    APPS,
    IDS,
    pre_queue_workflow_id=st.sampled_from(["x", "x", "y", ""]),
    pre_queue_random_sample=st.sampled_from([None, 0.5]),
    post_queue_workflow_id=st.sampled_from(["", "", "x"]),
    model_user_id=USERS,
    model_app_id=APPS,
    model_id=IDS,
    post_inputs_key_id=IDS,
    paused=st.sampled_from([False, False, True]),
    quota=st.sampled_from([None, None, Quota(total=3)]),
    tags=st.sampled_from([(), ("night",)]),
    dataset_ids=st.sampled_from([(), ("d", "e")]),
)
spent = st.builds(SpentQuota, USERS, APPS, IDS, st.sampled_from([2, 3]))
records = apps | keys | graphs | models | workflows | collectors | spent
changes = st.builds(
    lambda record, present, changeset: Change(kind_of(record), record_key(record), record if present else None, f"{changeset:04d}"),
    records,
    st.sampled_from([True, True, True, False]),
    st.integers(0, 99),
)
# What a collector of u/a with x for everything needs to be active: drawn at random it hardly ever is.
STANDING = [
    Change(kind_of(record), record_key(record), record)
    for record in (
        App("u", "a", "pro"),
        Key("u", "a", "x", ("PostInputs",)),
        Model("u", "a", "x", "random-sample", OUTPUT_INFO["random-sample"], "PUBLIC"),
        Workflow("u", "a", "x", (WorkflowNode("n", "", "", "x"),)),
        *(
            Collector("u", "a", id_, pre_queue_workflow_id="x", model_user_id="u", model_app_id="a", model_id="x", post_inputs_key_id="x")
            for id_ in ("x", "y")
        ),
    )
]
topics = st.frozensets(st.builds(inputs_topic, USERS, APPS))


def final(history: Sequence[Change]) -> dict[tuple[Kind, str], Record]:
    """What is there after all of it."""
    last = {(change.kind, change.key): change.record for change in history}
    return {document: record for document, record in last.items() if record is not None}


def look(catalog: Catalog) -> object:
    """All that anybody can see of a catalog, in an order of its own."""
    obstacles = {key: catalog.obstacles(key) for key, _, _ in catalog.collector_states()}
    stored = {kind: catalog.records(kind) for kind in Kind}
    workflows = {key: catalog.workflow(key) for key, _ in stored[Kind.WORKFLOW]}
    return dict(catalog.watchers), sorted(catalog.collector_states()), obstacles, stored, workflows


def portions(history: Sequence[Change], cuts: Sequence[int]) -> list[Sequence[Change]]:
    """The history in pieces."""
    ends = sorted({0, len(history), *(cut % (len(history) + 1) for cut in cuts)})
    return [history[start:end] for start, end in pairwise(ends)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(changes, max_size=40),
    st.lists(st.integers(0, 100), max_size=10),
    st.none() | topics,
    topics,
    st.randoms(use_true_random=False),
)
def test_any_history_in_any_portions_ends_in_the_catalog_that_its_final_records_make_at_once(
    history: list[Change], cuts: list[int], first: frozenset[str] | None, last: frozenset[str], random: Random
) -> None:
    grown = Catalog(PLANS)
    if first is not None:
        grown.set_topics(first)
    for portion in portions(history, cuts):
        grown.apply(portion)
    grown.set_topics(last)

    at_once = Catalog(PLANS)
    at_once.set_topics(last)
    shuffled = [Change(kind, key, record) for (kind, key), record in final(history).items()]
    random.shuffle(shuffled)
    at_once.apply(shuffled)
    assert look(grown) == look(at_once)


@settings(max_examples=150, deadline=None)
@given(st.lists(changes, max_size=10), st.lists(st.integers(0, 100), max_size=3), st.lists(changes, max_size=15), topics)
def test_a_first_load_ends_in_the_same_catalog_and_so_does_whatever_follows_it(
    history: list[Change], cuts: list[int], more: list[Change], last: frozenset[str]
) -> None:
    loaded, at_once = Catalog(PLANS), Catalog(PLANS)
    with loaded.loading():
        for portion in portions([*STANDING, *history], cuts):
            loaded.apply(portion)
    at_once.apply([Change(kind, key, record) for (kind, key), record in final([*STANDING, *history]).items()])
    assert look(loaded) == look(at_once)
    for catalog in (loaded, at_once):
        for change in more:
            catalog.apply([change])
        catalog.set_topics(last)
    assert look(loaded) == look(at_once)


@settings(max_examples=150, deadline=None)
@given(st.lists(changes, min_size=1, max_size=30), st.lists(changes, max_size=10))
def test_supposing_leaves_no_trace(history: list[Change], supposed: list[Change]) -> None:
    catalog = Catalog(PLANS)
    catalog.apply(history)
    before, version = look(catalog), catalog.version
    with catalog.supposing(supposed):
        expected = Catalog(PLANS)
        expected.apply([*history, *supposed])
        assert look(catalog) == look(expected)
    assert (look(catalog), catalog.version) == (before, version)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(changes, min_size=1, max_size=4), max_size=10), st.data())
def test_topics_read_in_any_interleaving_end_in_the_same_catalog_and_no_call_is_seen_in_part(
    calls: list[list[Change]], data: st.DataObject
) -> None:
    """Calls are logged one after another; a reader sees each topic in order, and the topics in any interleaving."""
    logs: dict[Kind, list[Arrived]] = {kind: [] for kind in Kind}
    for number, call in enumerate(calls):
        for index, change in enumerate(call):
            written = change._replace(changeset=f"{number:04d}")
            logs[change.kind].append(Arrived(len(logs[change.kind]), 0, written, Membership(written.changeset, index, len(call))))
    changesets, catalog = Changesets(5.0), Catalog(PLANS)
    done: set[str] = set()
    while waiting := [log for log in logs.values() if log]:
        changesets.add(data.draw(st.sampled_from(waiting)).pop(0), 0.0)
        applied = changesets.take(0.0)
        catalog.apply(applied)
        assert not done & {change.changeset for change in applied}, "the rest of a call that was applied before"
        done |= {change.changeset for change in applied}
    assert not changesets.waiting

    in_log_order = Catalog(PLANS)
    in_log_order.apply([change for call in calls for change in call])
    assert look(catalog) == look(in_log_order)
