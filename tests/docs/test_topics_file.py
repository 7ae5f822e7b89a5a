"""What topics.yaml says of other files is so."""

from __future__ import annotations

import pytest

from processor.settings import Settings
from processor.topics.spec import Wanted, load_spec
from tests.docs.pages import ROOT, read

SPEC = load_spec(ROOT / "topics.yaml")
ALL = (*SPEC.topics.values(), SPEC.template)


@pytest.mark.parametrize("wanted", [wanted for wanted in ALL if wanted.entry.value_schema], ids=lambda wanted: wanted.name)
def test_the_schema_of_a_topic_is_checked_in(wanted: Wanted) -> None:
    assert (ROOT / "schemas" / str(wanted.entry.value_schema)).is_file()


@pytest.mark.parametrize("wanted", ALL, ids=lambda wanted: wanted.name)
def test_the_topics_page_gives_a_topics_key_and_schema(wanted: Wanted) -> None:
    (line,) = [line for line in read("docs/topics.md").splitlines() if line.startswith(f"| `{wanted.name}` |")]
    assert wanted.entry.key in line
    assert (wanted.entry.value_schema or "") in line


def test_inputs_and_candidates_of_the_largest_size_are_taken_by_their_topics() -> None:
    largest = Settings.model_fields["record_bytes_max"].default
    assert all(int(wanted.configs["max.message.bytes"]) >= largest for wanted in (SPEC.template, SPEC.topics["queue"]))
