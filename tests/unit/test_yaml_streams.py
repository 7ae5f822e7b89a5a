"""What a stream of bytes comes to, and that nothing in it can do more than be a problem."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.yaml_streams import DEPTH_MAX, VALUES_MAX, Found, read_stream


def values(text: str) -> list[object]:
    return [found.value for found in read_stream(text.encode())]


def messages(data: bytes) -> list[tuple[str, str]]:
    return [problem for found in read_stream(data) for problem in found.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("~", None),
        ("yes", "yes"),
        ("on", "on"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("1e3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-11-22", "2026-11-22"),
        ("2026-11-22T02:00:00Z", "2026-11-22T02:00:00Z"),
        ("<<", "<<"),
        ("=", "="),
        ('"1"', "1"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
    ],
)
def test_plain_words_are_what_the_core_schema_of_yaml_1_2_says(text: str, value: object) -> None:
    (found,) = values(f"a: {text}")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)  # type: ignore[index]  # the line above says that it is a dict


def test_a_yaml_1_1_directive_changes_nothing() -> None:
    assert values("%YAML 1.1\n---\na: yes\nb: 010\n") == [{"a": "yes", "b": 10}]


def test_json_is_yaml_and_empty_documents_are_passed_over() -> None:
    assert values('---\n{"a": [1, null, "\\/"]}\n---\n---\nb: 2\n...\n') == [{"a": [1, None, "/"]}, {"b": 2}]
    assert values("") == values("# nothing\n") == []


def test_documents_before_a_syntax_error_are_found_and_the_error_names_its_line() -> None:
    found = list(read_stream(b"a: 1\n---\nb: [\n---\nc: 1\n"))
    assert found[0] == Found({"a": 1})
    ((path, message),) = found[1].problems
    assert (path, len(found)) == ("", 2)
    assert "line 4" in message


def test_a_repeated_key_is_a_problem_with_its_line() -> None:
    ((_, message),) = messages(b"a: 1\nb: 2\na: 3\n")
    assert "line 3, column 1" in message
    assert 'duplicate key "a"' in message


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        (b"a: {b: .nan}", "a.b", "JSON has no such value"),
        (b"a: [-.inf]", "a[0]", "JSON has no such value"),
        (b"a: !!binary aGk=", "a", "JSON has no such value"),
        (b"!!set {a, b}", "", "JSON has no such value"),
        (b"a: {1: x}", "a", "put 1 in quotes"),
        (b"a: 36893488147419103232", "a", "64 bits"),
        (b'a: "\\ud83d"', "a", "surrogate"),
        (b'{"a": "\\ud83d", "a": 1}', "", "with value"),
        (b"a: !!python/object:os.system x", "", "could not determine a constructor"),
        (b"a: \x00", "", "not YAML"),
        (b"\xff\xfe\xfa", "", "not YAML"),
        (b"a: " + b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1), "a" + "[0]" * DEPTH_MAX, "nested deeper"),
        (b"[" * 20_000, "", "nested deeper"),
        (b"a: &a [*a]", "a" + "[0]" * DEPTH_MAX, "nested deeper"),
    ],
)
def test_what_json_cannot_hold_is_a_problem_with_its_path(data: bytes, path: str, words: str) -> None:
    ((where, message),) = messages(data)
    assert where == path
    assert words in message


def test_a_path_through_half_a_character_can_be_written() -> None:
    assert messages(b'"\\ud83d": {b: .nan}') == [
        ("", "half a surrogate pair is no character"),
        ("\\ud83d.b", "JSON has no such value: nan"),
    ]


def test_an_anchor_may_be_set_again(recwarn: pytest.WarningsRecorder) -> None:
    assert [found.value for found in read_stream(b"[&a 1, *a, &a 2, *a]")] == [[1, 1, 2, 2]]
    assert not recwarn.list


def test_an_anchor_counts_as_often_as_it_is_used() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 8)]
    ((_, message),) = messages("\n".join(lines).encode())
    assert str(VALUES_MAX) in message


@given(st.binary(max_size=200) | st.text(alphabet="{}[]:,&*!|>-?'\"# \n\tab01.~<%@`\\u", max_size=60).map(str.encode))
def test_no_bytes_make_reading_raise(data: bytes) -> None:
    for found in read_stream(data):
        assert found.problems or found.value is not None
