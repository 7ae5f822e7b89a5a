"""topics.yaml is parsed at the edge, and every problem is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from processor.errors import FixDocuments, FixUsage
from processor.files import find_file, folders
from processor.topics.names import COMPACTED, DEAD_LETTERS, FIXED, PREDICTIONS, QUEUE
from processor.topics.spec import load_spec, parse_spec

ROOT = Path(__file__).parents[3]


def problems_of(text: str, prefix: str = "") -> dict[str, str]:
    """Path -> message of every problem."""
    with pytest.raises(FixDocuments) as caught:
        parse_spec(text, "topics.yaml", prefix)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_a_topic_takes_what_it_does_not_say_from_the_defaults() -> None:
    spec = parse_spec("{defaults: {partitions: 4, replication: 2, configs: {a: 1, b: 2}}, topics: {t: {partitions: 6, configs: {b: 3}}}}")
    wanted = spec.topics["t"]
    assert (wanted.partitions, wanted.replication, wanted.configs) == (6, 2, {"a": "1", "b": "3"})


def test_without_defaults_a_topic_has_one_partition_and_the_clusters_replication() -> None:
    wanted = parse_spec("topics: {t: {}}").topics["t"]
    assert (wanted.partitions, wanted.replication, wanted.configs) == (1, -1, {})


def test_config_values_are_written_as_kafka_writes_them() -> None:
    configs = "{b: true, f: 0.1, whole: 2.0, n: 604800000, s: lz4, l: [compact, delete]}"
    wanted = parse_spec(f"topics: {{t: {{configs: {configs}}}}}").topics["t"]
    assert wanted.configs == {"b": "true", "f": "0.1", "whole": "2", "n": "604800000", "s": "lz4", "l": "compact,delete"}


def test_an_app_gets_the_template_unless_its_topic_is_listed() -> None:
    text = """
    defaults: {configs: {d: 0}}
    topics: {inputs.acme.big__app: {partitions: 8, configs: {b: 3}}}
    templates: {inputs.<user_id>.<app_id>: {partitions: 2, replication: 3, configs: {a: 1, b: 2}}}
    """
    spec = parse_spec(text)
    assert spec.inputs("acme", "other") is spec.template
    own = spec.inputs("acme", "big_app")
    assert (own.partitions, own.replication, own.configs) == (8, 3, {"d": "0", "a": "1", "b": "3"})


def test_an_app_whose_entry_says_little_takes_the_rest_from_the_template() -> None:
    spec = parse_spec("{topics: {inputs.a.b: {owner: x}}, templates: {inputs.<user_id>.<app_id>: {partitions: 2, replication: 3}}}")
    assert (spec.inputs("a", "b").partitions, spec.inputs("a", "b").replication) == (2, 3)


def test_all_problems_of_the_fields_come_at_once_with_their_paths() -> None:
    text = """
    topics:
      queue.state: {partitions: 0, partition: 3}
      keys: {partitions: true, replication: x, configs: {a.b: null, c: [], d: .nan}}
      apps: 7
    colour: red
    """
    assert set(problems_of(text)) == {
        "topics[queue.state].partitions",
        "topics[queue.state].partition",
        "topics.keys.partitions",
        "topics.keys.replication",
        "topics.keys.configs[a.b]",
        "topics.keys.configs.c",
        "topics.keys.configs.d",
        "topics.apps",
        "colour",
    }


def test_all_problems_of_the_whole_come_at_once_with_their_paths() -> None:
    text = """
    defaults: {configs: {min.insync.replicas: 2}}
    topics:
      queue: {partitions: 6}
      queue.state: {partitions: 4, replication: 1}
      queue_state: {replication: 0}
      inputs.a_b.c: {}
      not legal: {}
    templates: {outputs: {}, inputs.<user_id>.<app_id>: {replication: 1}}
    """
    found = problems_of(text)
    assert set(found) == {
        "topics[queue.state].partitions",
        "topics[queue.state].configs[min.insync.replicas]",
        "topics.queue_state",
        "topics.queue_state.replication",
        "topics[inputs.a_b.c]",
        "topics.not legal",
        "templates.outputs",
        "templates[inputs.<user_id>.<app_id>].configs[min.insync.replicas]",
    }
    assert "queue.state" in found["topics.queue_state"]


@pytest.mark.parametrize("name", COMPACTED)
def test_the_systems_memory_is_compacted_unasked_and_nothing_else_is_allowed(name: str) -> None:
    assert parse_spec(f"{{defaults: {{configs: {{cleanup.policy: delete}}}}, topics: {{{name}: {{}}}}}}").topics[name].configs == {
        "cleanup.policy": "compact"
    }
    (path,) = problems_of(f"topics: {{{name}: {{configs: {{cleanup.policy: [compact, delete]}}}}}}")
    assert path.endswith(".configs[cleanup.policy]")


@pytest.mark.parametrize("text", ["topics: {", "topics: {a: {}, a: {}}", "", "[]", "topics: null"])
def test_what_is_not_such_a_file_is_one_problem(text: str) -> None:
    assert len(problems_of(text)) == 1


def test_a_name_is_judged_with_the_prefix_in_front() -> None:
    assert "topics.queue" in problems_of("topics: {queue: {}}", prefix="p" * 245)
    assert parse_spec("topics: {queue: {}}", prefix="p" * 244).topics


def test_the_checked_in_file_lists_every_topic_of_the_system_with_who_owns_writes_and_reads_it() -> None:
    spec = load_spec(ROOT / "topics.yaml")
    assert set(spec.topics) == set(FIXED)
    for wanted in (*spec.topics.values(), spec.template):
        entry = wanted.entry
        assert all((entry.description, entry.owner, entry.key, entry.producers, entry.consumers)), wanted.name


def test_the_checked_in_file_compacts_what_is_state_and_only_that() -> None:
    spec = load_spec(ROOT / "topics.yaml")
    compacted = {name for name, wanted in spec.topics.items() if wanted.configs["cleanup.policy"] == "compact"}
    assert compacted == set(COMPACTED)
    assert spec.template.configs["cleanup.policy"] == "delete"


def test_the_checked_in_file_leaves_replication_to_the_cluster_so_that_one_broker_is_enough() -> None:
    spec = load_spec(ROOT / "topics.yaml")
    assert {wanted.replication for wanted in (*spec.topics.values(), spec.template)} == {-1}
    assert not any("min.insync.replicas" in wanted.configs for wanted in spec.topics.values())


def test_whatever_fits_predictions_fits_where_it_may_go_next() -> None:
    """A dead letter is the prediction and its headers; an input or candidate is the prediction and what was decided."""
    spec = load_spec(ROOT / "topics.yaml")
    most = int(spec.topics[PREDICTIONS].configs["max.message.bytes"])
    for wanted in (spec.template, spec.topics[QUEUE], *(spec.topics[name] for name in DEAD_LETTERS)):
        assert int(wanted.configs["max.message.bytes"]) >= 2 * most, wanted.name


def test_the_folder_of_config_comes_before_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "topics.yaml").touch()
    monkeypatch.chdir(here)
    assert find_file("topics.yaml", there) == there / "topics.yaml"
    assert find_file("topics.yaml") == here / "topics.yaml"


def test_in_an_empty_folder_the_installed_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_file("topics.yaml").parent in folders()[1:]


def test_a_file_that_is_nowhere_is_reported_with_all_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FixUsage, match=str(tmp_path)):
        find_file("no-such-file.yaml")
