"""What the operators beyond the contract mean, said the slow and plain way, for `tests.support.oracle`.

Imports nothing of ``processor``. A concept is (key, id, value), an output {"concepts", "regions": [(key, concepts)], "text"}.
"""

from __future__ import annotations

import math
import re
import struct
import unicodedata
from copy import copy
from functools import cache
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier

Concept = tuple[Any, str, float]


def float32(value: float) -> float:
    """A number rounded to 32 bits."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def compares(kind: str | int, value: float, threshold: float) -> bool:
    """The five comparisons, on 32-bit floats."""
    value, threshold = float32(value), float32(threshold)
    return {
        "GREATER_THAN": value > threshold, 1: value > threshold,
        "GREATER_THAN_OR_EQUAL": value >= threshold, 2: value >= threshold,
        "LESS_THAN": value < threshold, 3: value < threshold,
        "LESS_THAN_OR_EQUAL": value <= threshold, 4: value <= threshold,
        "EQUAL": value == threshold, 5: value == threshold,
    }[kind]  # fmt: skip


def only(concepts: list[Any], regions: list[Any]) -> dict[str, Any] | None:
    """What a reducing operator gives."""
    return {"concepts": concepts, "regions": regions, "text": ""} if concepts or regions else None


def beyond_the_contract(name: str, given: dict[str, Any], info: dict[str, Any]) -> dict[str, Any] | None:
    """What one of these operators gives, its draw won."""
    params, listed = info.get("params", {}), info.get("data", {}).get("concepts", [])
    if name == "regex-classifier":
        return only(regex_concepts(given["text"], listed, params), [])
    if name == "language-id":
        return only(language_concepts(given["text"], params), [])
    passes = {
        "uncertainty": lambda: unsure(given, params),
        "close-to-threshold": lambda: close(given, params),
        "class-filter": lambda: has_class(given, listed, params),
        "object-count": lambda: counts(given, listed, params),
        "keyword-filter": lambda: has_keywords(given["text"], params),
    }[name]
    return given if passes() else None


def within(number: float, params: dict[str, Any], default: str) -> bool:
    """Whether a number lies in the band, or compares so with the threshold."""
    if "min" in params or "max" in params:
        return float32(params.get("min", 0)) <= float32(number) <= float32(params.get("max", math.inf))
    return compares(params.get("concept_threshold_type", default), number, params["value"])


def unsure(given: dict[str, Any], params: dict[str, Any]) -> bool:
    """The operator ``uncertainty``."""
    number = uncertainty(params["strategy"], [value for _, _, value in given["concepts"]])
    return number is not None and within(number, params, "LESS_THAN" if params["strategy"] == "margin" else "GREATER_THAN")


def uncertainty(strategy: str, values: list[float]) -> float | None:
    """How unsure a model was."""
    if not values:
        return None
    first, second = sorted([*values, 0.0], reverse=True)[:2]
    if strategy == "margin":
        return first - second
    if strategy == "least_confidence":
        return 1 - first
    total = math.fsum(values)
    if not total:
        return None
    if len(values) == 1:
        return 0.0
    shares = [value / total for value in values if value]
    return min(max(-math.fsum(share * math.log(share) for share in shares) / math.log(len(values)), 0.0), 1.0)


def by_key(regions: list[tuple[Any, list[Concept]]]) -> dict[Any, list[Concept]]:
    """Regions of one id are one."""
    found: dict[Any, list[Concept]] = {}
    for key, inside in regions:
        found.setdefault(key, []).extend(inside)
    return found


def close(given: dict[str, Any], params: dict[str, Any]) -> bool:
    """The operator ``close-to-threshold``, without its draw."""
    low, high = float32(params["threshold"] - params["epsilon"]), float32(params["threshold"] + params["epsilon"])
    names = params.get("selected_class_names")

    def near(concepts: list[Concept]) -> list[Concept]:
        best = max((value for _, _, value in concepts), default=0.0)
        counted = [one for one in concepts if one[2] == best] if params.get("only_top_classes", True) else concepts
        return [one for one in counted if low < one[2] < high and (names is None or one[1] in names)]

    regions = by_key(given["regions"])
    count = sum(1 for inside in regions.values() if near(inside)) if regions else len(near(given["concepts"]))
    return count >= params.get("minimum_objects_close_to_threshold", 1)


def at_least(concept: Concept, listed: list[dict[str, Any]], params: dict[str, Any]) -> bool:
    """Whether a concept is listed, if any are, and has the value asked for."""
    minimum = params.get("minimum_value", 0.0)
    if not listed:
        return concept[2] >= float32(minimum)
    return any(one["id"] == concept[1] and concept[2] >= float32(one.get("value", minimum)) for one in listed)


def has_class(given: dict[str, Any], listed: list[dict[str, Any]], params: dict[str, Any]) -> bool:
    """The operator ``class-filter``."""
    concepts = given["concepts"] + [one for _, inside in given["regions"] for one in inside]
    return any(at_least(one, listed, params) for one in concepts)


def counts(given: dict[str, Any], listed: list[dict[str, Any]], params: dict[str, Any]) -> bool:
    """The operator ``object-count``."""
    regions = by_key(given["regions"])
    if listed or "minimum_value" in params:
        regions = {key: inside for key, inside in regions.items() if any(at_least(one, listed, params) for one in inside)}
    return within(len(regions), params, "GREATER_THAN")


def has_keywords(text: str, params: dict[str, Any]) -> bool:
    """The operator ``keyword-filter``."""
    found = [has_word(text, word, params.get("case_sensitive", False)) for word in params["keywords"]]
    return all(found) if params.get("match", "any") == "all" else any(found)


def has_word(text: str, word: str, case_sensitive: bool) -> bool:
    """Whether a word is there with no letter, mark, number or underscore beside it."""
    starts = [match.start() for match in re.finditer(f"(?={re.escape(word)})", text, 0 if case_sensitive else re.IGNORECASE)]
    around = [text[start - 1 : start] + text[start + len(word) : start + len(word) + 1] for start in starts]
    return any(not any(unicodedata.category(beside)[0] in "LMN" or beside == "_" for beside in neighbours) for neighbours in around)


def regex_concepts(text: str, listed: list[dict[str, Any]], params: dict[str, Any]) -> list[Concept]:
    """The operator ``regex-classifier``."""
    if not text or not re.search(params["pattern"], text):
        return []
    return [(one["id"], one["id"], float32(one.get("value", 1.0))) for one in listed]


def language_concepts(text: str, params: dict[str, Any]) -> list[Concept]:
    """The operator ``language-id``."""
    if not text[:2000].strip():
        return []
    code, value = classified(text[:2000], tuple(params.get("languages", ())))
    return [(code, code, float32(value))]


@cache
def classified(text: str, languages: tuple[str, ...]) -> tuple[str, float]:
    """What the library says."""
    identifier = copy(identifier_of_all())
    if languages:
        identifier.set_languages(list(languages))
    found: tuple[str, float] = identifier.classify(text)
    return found


@cache
def identifier_of_all() -> LanguageIdentifier:
    """The library's own model."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
