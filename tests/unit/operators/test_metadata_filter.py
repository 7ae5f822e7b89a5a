"""``metadata-filter``: MongoDB's meaning, arrays taken whole."""

from __future__ import annotations

from typing import Any

import pytest

from processor.operators import OperatorProblems, parse_operator
from tests.support.building import outputs, prediction

MATCHING = [
    ({"site": "nyc"}, {"site": "nyc", "camera": 7}),
    ({"camera": 7}, {"camera": 7.0}),
    ({"camera": 7.0}, {"camera": 7}),
    ({"on": True}, {"on": True}),
    ({"gone": None}, {"gone": None}),
    ({"gone": {"$exists": True}}, {"gone": None}),
    ({"gone": {"$exists": False}}, {}),
    ({"place": {"city": "nyc"}}, {"place": {"city": "nyc", "floor": 3}}),
    ({"place": {}}, {"place": {"city": "nyc"}}),
    ({"place": {"city": {"$ne": "nyc"}}}, {}),
    ({"place": {"city": {"$exists": False}}}, {"place": 3}),
    ({"tags": ["a", 1]}, {"tags": ["a", 1.0]}),
    ({"a": {"$eq": {"x": 1, "y": 2}}}, {"a": {"y": 2, "x": 1}}),
    ({"a": {"$ne": 3}}, {}),
    ({"a": {"$ne": 1}}, {"a": True}),
    ({"a": {"$nin": [1, 2]}}, {}),
    ({"a": {"$nin": [1, 2]}}, {"a": "1"}),
    ({"a": {"$in": [1, [2]]}}, {"a": [2]}),
    ({"a": {"$in": [None]}}, {"a": None}),
    ({"a": {"$not": {"$gt": 3}}}, {}),
    ({"a": {"$not": {"$gt": 3}}}, {"a": "4"}),
    ({"a": {"$gt": 3, "$lte": 5}}, {"a": 5}),
    ({"a": {"$gte": "n"}}, {"a": "nyc"}),
    ({"a": {"$gt": False}}, {"a": True}),
    ({"a": {"$gt": 2**53}}, {"a": 2**53 + 1}),
    ({"a": {"$regex": "y"}}, {"a": "nyc"}),
    ({"a": {"$regex": "^ny"}}, {"a": "nyc"}),
    ({"a": {"$regex": "(?i)NYC"}}, {"a": "nyc"}),
    ({"a.b": 1}, {"a.b": 1}),
    ({"a.b": 1}, {"a": {"b": 1}}),
    ({"a.b": 1}, {"a.b": 1, "a": {"b": 2}}),
    ({}, {}),
]
DIFFERENT = [
    ({"site": "nyc"}, {"site": "NYC"}),
    ({"site": "nyc", "camera": 7}, {"site": "nyc"}),
    ({"on": True}, {"on": 1}),
    ({"camera": 1}, {"camera": True}),
    ({"camera": 7}, {"camera": "7"}),
    ({"gone": None}, {}),
    ({"gone": {"$exists": True}}, {}),
    ({"gone": {"$in": [None]}}, {}),
    ({"place": {}}, {}),
    ({"place": {}}, {"place": []}),
    ({"place": {"city": "nyc"}}, {"place": "nyc"}),
    ({"tags": "a"}, {"tags": ["a"]}),
    ({"tags": ["a"]}, {"tags": ["a", "b"]}),
    ({"tags": [True]}, {"tags": [1]}),
    ({"tags": [{"a": 1}]}, {"tags": [{"a": 1, "b": 2}]}),
    ({"tags": {"$regex": "a"}}, {"tags": ["a"]}),
    ({"tags": {"$gt": 1}}, {"tags": [2]}),
    ({"a": {"$eq": {"x": 1}}}, {"a": {"x": 1, "y": 2}}),
    ({"a": {"$ne": 1}}, {"a": 1.0}),
    ({"a": {"$gt": 3}}, {"a": "4"}),
    ({"a": {"$gt": 0}}, {"a": True}),
    ({"a": {"$gt": 3}}, {}),
    ({"a": {"$gt": 3, "$lte": 5}}, {"a": 3}),
    ({"a": {"$not": {"$exists": True}}}, {"a": None}),
    ({"a": {"$regex": "1"}}, {"a": 1}),
    ({"a.b": 1}, {"a.b": 2, "a": {"b": 1}}),
]


def passes(query: dict[str, Any], metadata: Any) -> bool:
    return outputs("metadata-filter", {"params": {"metadata": query}}, [prediction(metadata=metadata)]) != [None]


@pytest.mark.parametrize(("query", "metadata"), MATCHING)
def test_matches(query: dict[str, Any], metadata: dict[str, Any]) -> None:
    assert passes(query, metadata)


@pytest.mark.parametrize(("query", "metadata"), DIFFERENT)
def test_does_not_match(query: dict[str, Any], metadata: dict[str, Any]) -> None:
    assert not passes(query, metadata)


def test_no_metadata_is_an_empty_object() -> None:
    assert outputs("metadata-filter", {"params": {"metadata": {"a": {"$exists": False}}}}, [prediction()]) != [None]
    assert outputs("metadata-filter", {"params": {"metadata": {"a": 1}}}, [prediction()]) == [None]


def test_equal_queries_make_equal_filters_whatever_their_order() -> None:
    one = parse_operator("metadata-filter", {"params": {"metadata": {"a": 1, "b": {"$gt": 2}}}}, lambda _: None)
    other = parse_operator("metadata-filter", {"params": {"metadata": {"b": {"$gt": 2}, "a": 1}}}, lambda _: None)
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    ("metadata", "path", "says"),
    [
        (None, "params.metadata", "is missing"),
        ({"$gt": 3}, "params.metadata", "operators stand at a field"),
        ({"a": {"$near": 3}}, "params.metadata.a.$near", "unknown operator"),
        ({"a": {"b": {"$in": 3}}}, "params.metadata.a.b.$in", "a list is wanted"),
        ({"a": {"$gt": 1, "b": 2}}, "params.metadata.a", "mixes operators"),
        ({"a": {"$gt": None}}, "params.metadata.a.$gt", "a number, a string or a boolean"),
        ({"a": {"$exists": 1}}, "params.metadata.a.$exists", "true or false"),
        ({"a": {"$regex": "("}}, "params.metadata.a.$regex", "no RE2 expression"),
        ({"a": {"$regex": "(?=x)"}}, "params.metadata.a.$regex", "no RE2 expression"),
        ({"a": {"$regex": 3}}, "params.metadata.a.$regex", "a string is wanted"),
        ({"a": {"$not": 3}}, "params.metadata.a.$not", "an operator object"),
        ({"a": {"$not": {"$lt": []}}}, "params.metadata.a.$not.$lt", "a number"),
    ],
)
def test_problems_say_where_and_what(metadata: Any, path: str, says: str) -> None:
    with pytest.raises(OperatorProblems) as raised:
        parse_operator("metadata-filter", {"params": {} if metadata is None else {"metadata": metadata}}, lambda _: None)
    ((where, message),) = raised.value.problems
    assert where == path
    assert says in message
