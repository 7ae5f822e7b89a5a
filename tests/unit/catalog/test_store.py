"""What a change costs, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from processor.catalog import store
from processor.catalog.records import Kind
from processor.catalog.store import Catalog
from tests.support.documents import ACME, GENERAL, INGEST, SAMPLE, TENTH, change, collector, everything, gone

if TYPE_CHECKING:
    from processor.catalog import records

PLANS = ("professional",)


@pytest.fixture
def catalog() -> Catalog:
    made = Catalog(PLANS)
    made.apply([*everything(), change(collector("other", model_id="faces", pre_queue_workflow_id="", pre_queue_random_sample=0.5))])
    return made


def states(catalog: Catalog) -> dict[str, bool]:
    return {key: active for key, active, _ in catalog.collector_states()}


def test_collectors_are_grouped_by_source_model_whatever_the_version_and_caller(catalog: Catalog) -> None:
    catalog.apply([change(collector("a", model_version_id="v1")), change(collector("b", caller_user_id="bob"))])
    assert {model: [each.key for each in watchers.collectors] for model, watchers in catalog.watchers.items()} == {
        GENERAL: ["acme/quality/a", "acme/quality/b", "acme/quality/c"],
        "clarifai/main/faces": ["acme/quality/other"],
    }


def test_watchers_are_new_for_the_models_that_a_change_touches_and_the_same_for_all_others(catalog: Catalog) -> None:
    before = dict(catalog.watchers)
    catalog.apply([change(replace(TENTH, output_info='{"params":{"keep_fraction":0.5}}'))])
    assert catalog.watchers[GENERAL] is not before[GENERAL]
    assert catalog.watchers["clarifai/main/faces"] is before["clarifai/main/faces"]


def test_a_change_that_comes_to_nothing_leaves_all_watchers_as_they_are(catalog: Catalog) -> None:
    before = dict(catalog.watchers)
    assert catalog.apply([change(replace(TENTH, description="new words")), change(ACME), change(replace(INGEST, sha256="11"))]) == {}
    assert all(catalog.watchers[model] is before[model] for model in before)


def test_a_change_resolves_only_what_looked_at_the_record(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def noting(record: records.Collector, *rest: object) -> object:
        seen.append(record.id)
        return resolve(record, *rest)  # type: ignore[arg-type]  # handed on as it came

    resolve = store.resolve_collector
    monkeypatch.setattr(store, "resolve_collector", noting)
    for touched, concerned in [
        (TENTH, ["c"]),
        (SAMPLE, ["c"]),
        (INGEST, ["c", "other"]),
        (replace(SAMPLE, id="unused"), []),
        (collector(), ["c"]),
    ]:
        seen.clear()
        catalog.apply([change(touched)])
        assert sorted(seen) == concerned


def test_a_record_that_was_looked_for_in_vain_is_noticed_when_it_comes(catalog: Catalog) -> None:
    catalog.apply([gone(SAMPLE), gone(TENTH), gone(INGEST), gone(ACME)])
    assert states(catalog) == {"acme/quality/c": False, "acme/quality/other": False}
    catalog.apply([change(ACME)])
    catalog.apply([change(INGEST)])
    catalog.apply([change(TENTH)])
    assert states(catalog) == {"acme/quality/c": False, "acme/quality/other": True}
    catalog.apply([change(SAMPLE)])
    assert states(catalog) == {"acme/quality/c": True, "acme/quality/other": True}


def test_a_collector_that_moves_to_another_model_leaves_the_first(catalog: Catalog) -> None:
    moves = catalog.apply([change(collector(model_id="faces"))])
    assert GENERAL not in catalog.watchers
    assert [each.key for each in catalog.watchers["clarifai/main/faces"].collectors] == ["acme/quality/c", "acme/quality/other"]
    ((key, (before, after)),) = moves.items()
    assert before is not None
    assert after is not None
    assert (key, before.source.model, after.source.model) == ("acme/quality/c", GENERAL, "clarifai/main/faces")


def test_a_deleted_collector_is_gone_and_with_the_last_one_its_model(catalog: Catalog) -> None:
    assert catalog.apply([gone(collector())])["acme/quality/c"][1] is None
    assert list(catalog.watchers) == ["clarifai/main/faces"]
    assert states(catalog) == {"acme/quality/other": True}
    assert catalog.apply([gone(collector())]) == {}


def test_the_last_change_of_a_document_in_one_call_counts(catalog: Catalog) -> None:
    catalog.apply([gone(collector()), change(collector(paused=True)), change(collector(collect_outputs=True))])
    (found,) = catalog.watchers[GENERAL].collectors
    assert (found.inactive_reason, found.collect_outputs) == ("", True)


def test_the_version_is_the_newest_changeset_in_whatever_order_they_come(catalog: Catalog) -> None:
    catalog.apply([change(ACME, "0002"), change(INGEST, "0001")])
    catalog.apply([change(ACME, "0000")])
    assert catalog.version == "0002"


def test_supposing_shows_what_would_be_and_leaves_everything_as_it_was(catalog: Catalog) -> None:
    before, watchers = states(catalog), dict(catalog.watchers)
    with catalog.supposing([gone(TENTH), change(collector("new")), gone(collector("other"))]) as moves:
        assert sorted(moves) == ["acme/quality/c", "acme/quality/new", "acme/quality/other"]
        assert states(catalog) == {"acme/quality/c": False, "acme/quality/new": False}
    assert states(catalog) == before
    assert catalog.watchers == watchers


def test_a_workflow_can_be_looked_at_before_a_collector_runs_it(catalog: Catalog) -> None:
    catalog.apply([change(replace(SAMPLE, id="unused"))])
    found = catalog.workflow("acme/quality/unused")
    assert found is not None
    assert [node.id for node in found.nodes] == ["sampler"]
    assert catalog.workflow("acme/quality/nope") is None


def test_records_can_be_listed_by_kind_and_key(catalog: Catalog) -> None:
    assert [key for key, _ in catalog.records(Kind.COLLECTOR)] == ["acme/quality/c", "acme/quality/other"]
    assert catalog.get(Kind.APP, "acme/quality") == ACME


def test_a_workflow_that_nobody_runs_any_more_is_looked_at_afresh(catalog: Catalog) -> None:
    catalog.apply([gone(collector())])
    catalog.apply([gone(TENTH)])
    found = catalog.workflow("acme/quality/sample")
    assert found is not None
    assert [each.message for each in found.obstacles] == ["node sampler: model acme/quality/keep-a-tenth does not exist"]


def test_nothing_is_kept_of_collectors_that_are_gone(catalog: Catalog) -> None:
    catalog.apply([gone(collector()), gone(collector("other"))])
    dependencies = catalog._tables.dependencies
    assert (catalog._tables.workflows, dependencies._uses, dependencies._used_by) == ({}, {}, {})
    assert (catalog.watchers, catalog._collectors, catalog._obstacles, catalog._of_model) == ({}, {}, {}, {})
