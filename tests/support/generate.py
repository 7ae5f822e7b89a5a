"""Hypothesis strategies: predictions, workflows, knowledge graphs and collectors, as the plain dicts that the oracle reads."""

from __future__ import annotations

import json
import math
import random
from typing import Any

from hypothesis import strategies as st

CONCEPT_IDS = ["", "a", "b", "c", "d", "é"]
VALUES = [0.0, 0.1, 0.3, 0.5, 0.9, 1.0]
ODD_VALUES = [-0.0, 5e-324, 1e-45, 0.1 + 1e-9, 0.9 - 1e-9]
COMPARISONS = ["GREATER_THAN", "GREATER_THAN_OR_EQUAL", "LESS_THAN", "LESS_THAN_OR_EQUAL", "EQUAL", 1, 2, 3, 4, 5]
MODELS = ["m/app/one", "m/app/two"]
VERSIONS = ["", "v1", "v2"]
CALLERS = ["", "bob", "eve"]
FIELDS = ["site", "camera", "id", "a.b"]
GRAPH = "graph"
TEXTS = [
    *(
        "",
        "  ",
        "Good dog",
        "good-dog",
        "GOODNESS, no dog!",
        "dogs_ 12",
        "12\ndog good",
        "c++ code",
        "чёрный Кот и пёс",
        "été, E\u0301te\u0301",
    ),
    "the quick brown fox jumps over the lazy dog and nobody minds",
    "der schnelle braune Fuchs springt über den faulen Hund und bellt",
]
SAMPLERS_MAX = 4  # of a workflow that branches
SAMPLERS = {"random-sample", "close-to-threshold"}

values = st.one_of(st.sampled_from(VALUES), st.sampled_from(VALUES), st.sampled_from([*VALUES, *ODD_VALUES]), st.floats(0, 1, width=32))
concepts = st.fixed_dictionaries({"id": st.sampled_from(CONCEPT_IDS), "name": st.just(""), "value": values})
concept_lists = st.lists(concepts, max_size=4)
scalars = st.one_of(
    st.none(), st.booleans(), st.sampled_from([0, 1, 2, 1.0, 1.5, -1, 2**53 + 1, 2**53 + 0.0]), st.sampled_from(["", "1", "nyc", "ny"])
)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*FIELDS, "b"]), inner, max_size=2), max_leaves=4
)
texts = st.sampled_from([None, *TEXTS]).map(lambda raw: raw if raw is None else {"raw": raw, "url": None})
metadata = st.one_of(st.none(), st.dictionaries(st.sampled_from([*FIELDS, "a"]), json_values, max_size=3))


@st.composite
def predictions(draw: st.DrawFn) -> dict[str, Any]:
    """One prediction; its id is drawn from few enough to repeat."""
    user_id, app_id, model_id = draw(st.sampled_from([MODELS[0], MODELS[0], *MODELS, "m/app/other"])).split("/")
    region = st.fixed_dictionaries(
        {
            "id": st.sampled_from(["", "r1", "r2"]),
            "region_info": st.none(),
            "data": st.fixed_dictionaries({"concepts": concept_lists, "text": st.none()}),
        }
    )
    data = draw(metadata)
    return {
        "id": f"p-{draw(st.integers(0, 10_000))}",
        "model": {"user_id": user_id, "app_id": app_id, "id": model_id, "version_id": draw(st.sampled_from(VERSIONS))},
        "caller_user_id": draw(st.sampled_from(CALLERS)),
        "workflow_id": draw(st.sampled_from(["", "", "", "", "", "w"])),
        "input": {"id": "", "data": {"metadata": None if data is None else json.dumps(data)}},
        "output": {"data": {"concepts": draw(concept_lists), "regions": draw(st.lists(region, max_size=3)), "text": draw(texts)}},
    }


# Operators


def _threshold(value: float | None, kind: Any, listed: list[dict[str, Any]]) -> dict[str, Any]:
    params: dict[str, Any] = {} if value is None else {"value": value}
    if kind:
        params["concept_threshold_type"] = kind
    if value is not None and listed:
        listed = [{"id": listed[0]["id"]}, *listed[1:]]  # without a value of its own it takes the params'
    return {"params": params, "data": {"concepts": listed}} if listed else {"params": params}


comparisons = st.sampled_from([None, *COMPARISONS])
listed_concepts = st.lists(
    st.fixed_dictionaries({"id": st.sampled_from([*CONCEPT_IDS[1:], "unseen"]), "value": values}),
    min_size=1,
    max_size=3,
    unique_by=lambda c: c["id"],
)
thresholds = st.one_of(
    st.builds(_threshold, values, comparisons, st.just([])), st.builds(_threshold, st.none() | values, comparisons, listed_concepts)
)
extremes = st.builds(_threshold, values, comparisons, st.just([]))
samples = st.sampled_from([0, 0.0, 0.25, 0.5, 0.9, 1, 1.0, 1e-12]).map(lambda fraction: {"params": {"keep_fraction": fraction}})
mappers = st.sampled_from([None, ["b"], ["a", "é", "unseen"]]).map(
    lambda targets: {"params": {"knowledge_graph_id": GRAPH}} | ({"data": {"concepts": [{"id": t} for t in targets]}} if targets else {})
)


_plain = st.one_of(scalars, st.lists(scalars, max_size=2), st.dictionaries(st.sampled_from([*FIELDS, "b"]), scalars, max_size=2))
_comparable = st.sampled_from([True, False, 0, 1, 1.5, 2**53, "", "ny", "z"])
_operands: dict[str, st.SearchStrategy[Any]] = {
    "$eq": _plain,
    "$ne": _plain,
    "$gt": _comparable,
    "$gte": _comparable,
    "$lt": _comparable,
    "$lte": _comparable,
    "$in": st.lists(_plain, max_size=2),
    "$nin": st.lists(_plain, max_size=2),
    "$exists": st.booleans(),
    "$regex": st.sampled_from(["", "^n", "y$", "1", "n.c"]),
}


def _operator_objects(operands: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    one = st.one_of([st.tuples(st.just(name), operand) for name, operand in operands.items()])
    return st.lists(one, min_size=1, max_size=2).map(dict)


_tests = _operator_objects(_operands | {"$not": _operator_objects(_operands)})
_leaves = st.one_of(scalars, st.lists(scalars, max_size=2), _tests, _tests)
_queries = st.one_of(_leaves, _leaves, st.dictionaries(st.sampled_from([*FIELDS, "a", "b"]), _leaves, max_size=2))
filters = st.dictionaries(st.sampled_from([*FIELDS, "a"]), _queries, max_size=2).map(lambda query: {"params": {"metadata": query}})


def _some(**params: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Params, of which any may be left out."""
    return st.fixed_dictionaries({}, optional=params)


def _bounds(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A threshold, or a band of which one end may be left out."""
    threshold = st.builds(lambda value, kind: {"value": value, **kind}, numbers, _some(concept_threshold_type=st.sampled_from(COMPARISONS)))
    bands = st.tuples(numbers, numbers).map(lambda ends: {"min": min(ends), "max": max(ends)})
    ends = st.builds(lambda name, number: {name: number}, st.sampled_from(["min", "max"]), numbers)
    return st.one_of(threshold, bands, ends)


def _info(*params: st.SearchStrategy[dict[str, Any]], listed: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    """``output_info`` of these params together, and of a list of concepts (None: without one)."""
    data = st.none() if listed is None else listed
    return st.builds(
        lambda parts, concepts: (
            {"params": {name: value for part in parts for name, value in part.items()}}
            | ({"data": {"concepts": concepts}} if concepts else {})
        ),
        st.tuples(*params),
        data,
    )


some_listed = st.lists(
    st.builds(lambda name, value: {"id": name, **value}, st.sampled_from([*CONCEPT_IDS[1:], "unseen"]), _some(value=values)),
    min_size=1,
    max_size=3,
    unique_by=lambda c: c["id"],
)
uncertainties = _info(
    _bounds(values),
    st.sampled_from(["entropy", "margin", "least_confidence"]).map(lambda name: {"strategy": name}),
)
near_thresholds = _info(
    st.fixed_dictionaries({"threshold": values, "epsilon": values}),
    _some(
        selected_class_names=st.lists(st.sampled_from([*CONCEPT_IDS[1:], "unseen"]), min_size=1, max_size=3, unique=True),
        only_top_classes=st.booleans(),
        minimum_objects_close_to_threshold=st.integers(1, 3),
        probability=st.sampled_from([0, 0.25, 0.5, 1]),
    ),
)
object_counts = _info(_bounds(st.integers(0, 3)), _some(minimum_value=values), listed=st.none() | some_listed)
class_filters = _info(_some(minimum_value=values), listed=some_listed)
keywords = st.lists(st.sampled_from(["dog", "good", "c++", "ÉTÉ", "кот", "12", "good dog", "dogs"]), min_size=1, max_size=3, unique=True)
keyword_filters = _info(
    st.fixed_dictionaries({"keywords": keywords}), _some(match=st.sampled_from(["any", "all"]), case_sensitive=st.booleans())
)
patterns = st.sampled_from(["dog$", "^Good", "(?i)GOOD", r"\d", r"c\+\+", "é|Кот", "."])
regexes = _info(st.fixed_dictionaries({"pattern": patterns}), listed=some_listed)
languages = _info(_some(languages=st.sampled_from([["de", "en"], ["ru"]])))
OPERATORS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "random-sample": samples,
    "concept-threshold": thresholds,
    "region-threshold": thresholds,
    "max-probability": extremes,
    "min-probability": extremes,
    "metadata-filter": filters,
    "concept-synonym-mapper": mappers,
    "uncertainty": uncertainties,
    "close-to-threshold": near_thresholds,
    "object-count": object_counts,
    "class-filter": class_filters,
    "keyword-filter": keyword_filters,
    "regex-classifier": regexes,
    "language-id": languages,
}


def _go_together(info: dict[str, Any], override: dict[str, Any]) -> bool:
    """Whether an override leaves bounds that are either a threshold or a band, and a band that anything can be in."""
    params = info["params"] | override["params"]
    if not params.keys() & {"min", "max"}:
        return True
    return not params.keys() & {"value", "concept_threshold_type"} and params.get("min", 0) <= params.get("max", math.inf)


relations = st.lists(
    st.tuples(
        st.sampled_from([*CONCEPT_IDS[1:], "x", "y"]),
        st.sampled_from(["synonym", "hyponym", "hypernym", "related"]),
        st.sampled_from([*CONCEPT_IDS[1:], "x", "unseen"]),
    ),
    max_size=6,
)


# Workflows and collectors


def _inputs(before: list[str]) -> st.SearchStrategy[list[str]]:
    """Mostly the node before; often two nodes; sometimes the prediction itself."""
    if not before:
        return st.just([])
    some = st.lists(st.sampled_from(before), min_size=2, max_size=3)
    return st.one_of(st.just(before[-1:]), st.just(before[-1:]), some, some, st.lists(st.sampled_from(before), max_size=1))


@st.composite
def nodes(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A workflow's nodes, each after its inputs, with at least one leaf that counts."""
    found: list[dict[str, Any]] = []
    for i in range(draw(st.sampled_from([4, 3, 5, 2, 6, 1]))):
        sampled = sum(node["type"] in SAMPLERS for node in found) < SAMPLERS_MAX
        kind = draw(st.sampled_from([*sorted(OPERATORS), *sorted(SAMPLERS)] if sampled else sorted(OPERATORS.keys() - SAMPLERS)))
        before = [node["id"] for node in found]
        inputs = draw(_inputs(before))
        override = draw(OPERATORS[kind]) if draw(st.sampled_from([*[False] * 3, True])) else None
        suppress = draw(st.sampled_from([*[False] * 4, True]))
        info = draw(OPERATORS[kind])
        if override and not _go_together(info, override):
            override = None
        found.append({"id": f"n{i}", "type": kind, "output_info": info, "override": override, "inputs": inputs, "suppress": suppress})
    read = {name for node in found for name in node["inputs"]}
    if all(node["suppress"] for node in found if node["id"] not in read):
        found[-1]["suppress"] = False
    return found


@st.composite
def collectors(draw: st.DrawFn, shared: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """A collector; its workflow is often one that others have too."""
    workflow = draw(st.sampled_from([*shared, *shared, None]))
    sample = draw(st.sampled_from([None, None, None, 0.25, 0.5, 1.0]))
    return {
        "key": f"u/app/c{draw(st.integers(0, 1000))}",
        "model": draw(st.sampled_from([MODELS[0], *MODELS])),
        "version": draw(st.sampled_from(["", "", "", *VERSIONS])),
        "caller": draw(st.sampled_from(["", "", "", *CALLERS])),
        "active": draw(st.sampled_from([*[True] * 9, False])),
        "second_stage": (workflow is None and sample is None) or draw(st.sampled_from([*[False] * 3, True])),
        "random_sample": sample,
        "nodes": workflow,
    }


class Predictions(list[dict[str, Any]]):
    """Predictions whose repr says how they were made: written out, a failing example would fill screens."""

    def __init__(self, drawn: list[dict[str, Any]], seed: int, size: int) -> None:
        super().__init__([*drawn, *stream(seed, size)])
        self._made = f"Predictions({drawn}, {seed}, {size})"

    def __repr__(self) -> str:
        return self._made


def stream(seed: int, size: int) -> list[dict[str, Any]]:
    """Many predictions at the cost of one draw: drawn one by one they would leave no room for workflows."""
    chosen = random.Random(seed)  # noqa: S311 - no secret

    def some_concepts() -> list[dict[str, Any]]:
        count = chosen.choice([0, 1, 1, 2, 3, 5])
        return [
            {"id": chosen.choice(CONCEPT_IDS), "name": "", "value": chosen.choice([*VALUES, *VALUES, *ODD_VALUES])} for _ in range(count)
        ]

    def region() -> dict[str, Any]:
        return {"id": chosen.choice(["", "r1", "r2"]), "region_info": None, "data": {"concepts": some_concepts(), "text": None}}

    def json_value(depth: int) -> Any:
        if depth == 0 or chosen.random() < 0.6:
            return chosen.choice([None, True, False, 0, 1, 1.0, 1.5, -1, 2**53 + 1, 2**53 + 0.0, "", "1", "nyc", "ny"])
        if chosen.random() < 0.3:
            return [json_value(depth - 1) for _ in range(chosen.randrange(3))]
        return {chosen.choice([*FIELDS, "a", "b"]): json_value(depth - 1) for _ in range(chosen.randrange(3))}

    def one(i: int) -> dict[str, Any]:
        user_id, app_id, model_id = chosen.choice([MODELS[0], MODELS[0], MODELS[0], *MODELS]).split("/")
        data = chosen.choice([None, *[{chosen.choice([*FIELDS, "a"]): json_value(3) for _ in range(4)} for _ in range(9)]])
        return {
            "id": f"q-{seed}-{i}",
            "model": {"user_id": user_id, "app_id": app_id, "id": model_id, "version_id": chosen.choice(VERSIONS)},
            "caller_user_id": chosen.choice(CALLERS),
            "workflow_id": chosen.choice(["", "", "", "", "w"]),
            "input": {"id": "", "data": {"metadata": None if data is None else json.dumps(data)}},
            "output": {
                "data": {
                    "concepts": some_concepts(),
                    "regions": [region() for _ in range(chosen.choice([0, 0, 1, 2, 3]))],
                    "text": chosen.choice([None, *({"raw": text, "url": None} for text in [*TEXTS, None])]),
                }
            },
        }

    return [one(i) for i in range(size)]


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """Predictions, collectors (with distinct keys), a knowledge graph, and where to cut the stream into batches."""
    shared = draw(st.lists(nodes(), min_size=2, max_size=4))
    predicted = Predictions(draw(st.lists(predictions(), max_size=2)), draw(st.integers(0, 10**6)), draw(st.sampled_from([80, 80, 80, 0])))
    return {
        "predictions": predicted,
        "collectors": draw(st.lists(collectors(shared), min_size=2, max_size=6, unique_by=lambda c: c["key"])),
        "graphs": {GRAPH: draw(relations)},
        "cuts": sorted(draw(st.lists(st.integers(0, len(predicted)), max_size=3))),
    }
