"""Reading ``output_info``: every problem is noted with its field path, and all are raised together."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from processor.errors import PROBLEMS_MAX
from processor.operators.base import OperatorProblems
from processor.operators.comparison import COMPARISONS, Comparison

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WHOLE_MAX = 2**24
Choice = TypeVar("Choice", bound=StrEnum)


class OutputInfo:
    """The parameters of one model as its document has them.

    Reading a value that is missing or wrong notes a problem and returns a stand-in; :meth:`check` raises what was noted.
    """

    def __init__(self, output_info: Mapping[str, Any], params: frozenset[str], takes_concepts: bool) -> None:
        self.problems: list[tuple[str, str]] = []
        sections = frozenset({"params", "data"} if takes_concepts else {"params"})
        root = self._object("", output_info, sections)
        self.params = self._object("params", root.get("params", {}), params)
        self._data = self._object("data", root.get("data", {}), frozenset({"concepts"}))

    def problem(self, path: str, message: str) -> None:
        """Note a problem, if there is still room for one."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append((path, message))

    def check(self) -> None:
        """Raise everything that was noted.

        Raises:
            OperatorProblems: there was something.
        """
        if self.problems:
            raise OperatorProblems(self.problems)

    def fraction(self, name: str) -> float:
        """A required number from 0 to 1 among the params."""
        if name not in self.params:
            self.problem(f"params.{name}", "is missing; a number from 0 to 1 is wanted")
            return 0.0
        return self._unit(f"params.{name}", self.params[name])

    def whole(self, name: str, least: int = 0) -> int:
        """A required whole number among the params, from ``least`` to 16,777,216, up to which 32-bit floats know them all."""
        given = self.params.get(name)
        if isinstance(given, int | float) and not isinstance(given, bool) and least <= given <= WHOLE_MAX and given == int(given):
            return int(given)
        wanted = f"a whole number from {least} to {WHOLE_MAX:,}"
        self.problem(f"params.{name}", f"is missing; {wanted} is wanted" if given is None else f"{given!r} is not {wanted}")
        return least

    def flag(self, name: str, *, default: bool) -> bool:
        """A boolean among the params."""
        given = self.params.get(name, default)
        if isinstance(given, bool):
            return given
        self.problem(f"params.{name}", f"{given!r} is neither true nor false")
        return default

    def choice(self, name: str, choices: type[Choice], default: Choice | None = None) -> Choice:
        """One of some words among the params, required without a default."""
        given = self.params.get(name, default)
        if isinstance(given, str) and given in list(choices):
            return choices(given)
        names = ", ".join(choices)
        self.problem(f"params.{name}", f"is missing; one of {names} is wanted" if given is None else f"{given!r} is none of {names}")
        return next(iter(choices))

    def texts(self, name: str, most: int, *, required: bool = False) -> tuple[str, ...]:
        """A list of 1 to ``most`` distinct, non-empty strings among the params; empty where it is left out."""
        given = self.params.get(name)
        if given is None and not required:
            return ()
        if not isinstance(given, list):
            self.problem(f"params.{name}", "is missing; a list is wanted" if given is None else f"a list is wanted, not {_kind(given)}")
            return ()
        if not 1 <= len(given) <= most:
            self.problem(f"params.{name}", f"1 to {most:,} strings are wanted, not {len(given):,}")
        for position, text in enumerate(given):
            if not isinstance(text, str) or not text:
                self.problem(f"params.{name}[{position}]", f"{text!r} is no non-empty string")
            elif text in given[:position]:
                self.problem(f"params.{name}[{position}]", f"{text!r} is listed twice")
        return tuple(text for text in given if isinstance(text, str))

    def comparison(self, default: Comparison) -> Comparison:
        """``params.concept_threshold_type``, by name or by the contract's number; protobuf's numbers are all floats."""
        given = self.params.get("concept_threshold_type", default)
        if isinstance(given, str) and given in COMPARISONS:
            return Comparison(given)
        if type(given) in {int, float} and given in range(1, len(COMPARISONS) + 1):
            return COMPARISONS[int(given) - 1]
        self.problem("params.concept_threshold_type", f"{given!r} is none of {', '.join(COMPARISONS)}")
        return default

    def text(self, name: str) -> str:
        """A required, non-empty string among the params."""
        given = self.params.get(name)
        if isinstance(given, str) and given:
            return given
        self.problem(f"params.{name}", "is missing" if given is None else f"{given!r} is no non-empty string")
        return ""

    def concepts(self) -> dict[str, float | None]:
        """``data.concepts`` as id → value (None where it has none), in document order."""
        listed: dict[str, float | None] = {}
        for path, concept in self._concept_objects():
            concept_id = concept.get("id")
            if not isinstance(concept_id, str) or not concept_id:
                self.problem(f"{path}.id", "a non-empty string is wanted")
            elif concept_id in listed:
                self.problem(f"{path}.id", f"{concept_id!r} is listed twice")
            else:
                listed[concept_id] = self._unit(f"{path}.value", concept["value"]) if "value" in concept else None
        return listed

    def _concept_objects(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        items = self._data.get("concepts", [])
        if not isinstance(items, list):
            self.problem("data.concepts", f"a list is wanted, not {_kind(items)}")
            return
        for position, item in enumerate(items):
            if len(self.problems) >= PROBLEMS_MAX:
                return
            path = f"data.concepts[{position}]"
            if isinstance(item, dict):
                yield path, self._object(path, item, frozenset({"id", "name", "value"}))
            else:
                self.problem(path, f"an object is wanted, not {_kind(item)}")

    def _object(self, path: str, value: Any, known: frozenset[str]) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self.problem(path, f"an object is wanted, not {_kind(value)}")
            return {}
        for name in sorted(value.keys() - known, key=str):
            rule = f"known here: {', '.join(sorted(known))}" if known else "nothing is known here"
            self.problem(f"{path}.{name}" if path else str(name), f"unknown field; {rule}")
        return value

    def _unit(self, path: str, value: Any) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1:
            return float(value)
        self.problem(path, f"{value!r} is no number from 0 to 1")
        return 0.0


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")


def merge_output_info(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """A node's ``output_info_override`` over its model's ``output_info``.

    Within ``params`` and ``data`` a field of the override replaces the model's field of that name as a whole; the others stay.
    """
    merged = dict(base)
    for section, value in override.items():
        under = base.get(section)
        merged[section] = {**under, **value} if isinstance(under, dict) and isinstance(value, dict) else value
    return merged
