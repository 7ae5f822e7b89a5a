"""YAML 1.2 streams to plain JSON values, with every problem found on the way. JSON is YAML.

ruamel.yaml does the reading; the core schema of YAML 1.2 decides what a plain word is, so ``yes``, ``1_000`` and
``2026-11-22`` are strings, whatever a ``%YAML 1.1`` line says.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ruamel.yaml.nodes import ScalarNode

VALUES_MAX = 1_000_000
DEPTH_MAX = 64

# YAML 1.2.2, section 10.3.2 (core schema)
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_BASES = {"0o": 8, "0x": 16}


class Found(NamedTuple):
    """One document of a stream: its value, or what keeps it from having one, as (field path, message)."""

    value: Any
    problems: tuple[tuple[str, str], ...] = ()


def read_stream(data: bytes) -> Iterator[Found]:
    """Yield the documents of one stream; empty ones are passed over. A syntax error is the last thing found.

    Never raises, whatever the bytes.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    yaml.Composer = _Composer
    try:
        for value in yaml.load_all(data):
            if value is not None:
                yield checked(value)
    except MarkedYAMLError as error:
        yield _unreadable(_marked(error))
    except YAMLError as error:
        yield _unreadable(f"not YAML in UTF-8: {' '.join(str(error).split())}")
    except RecursionError:
        yield _unreadable(f"nested deeper than {DEPTH_MAX} levels")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # The parser lets through what its own constructors raise for odd tags, as in `!!int x`.
        yield _unreadable(f"not YAML: {error}")


def _unreadable(message: str) -> Found:
    return Found(None, (("", _writable(message)),))


def _writable(text: str) -> str:
    """With halves of characters spelled out: nobody can print or send them."""
    return text.encode("utf-8", "backslashreplace").decode()


def _marked(error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"not YAML: {where}{' '.join(str(part) for part in (error.context, error.problem) if part)}"


class _Composer(Composer):
    """One that does not warn when an anchor is set again, which YAML 1.2 allows (section 3.2.2.2)."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self.warn_double_anchors = False


class _Constructor(SafeConstructor):
    """Plain scalars as the core schema has them."""

    def construct_plain(self, node: ScalarNode) -> Any:
        text = self.construct_scalar(node)
        return _plain(text) if isinstance(text, str) else text


for _tag in ("int", "float", "bool", "timestamp", "merge", "value"):
    _Constructor.add_constructor(f"tag:yaml.org,2002:{_tag}", _Constructor.construct_plain)


def _plain(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text[2:], _BASES[text[:2]]) if text[:2] in _BASES else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return math.nan if "n" in text[-1:].lower() else math.inf
    return text


def checked(value: Any) -> Found:
    """A copy of a value as JSON can hold it, with every problem noted: its depth and its size are limited."""
    checker = _Checker()
    clean = checker.clean(value, "", 0)
    return Found(clean, tuple(checker.problems))


def _is_json(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool) or (isinstance(value, int) and -(2**63) <= value < 2**64)


class _Checker:
    """Copies a value, noting whatever JSON cannot hold; an anchor counts as often as it is used."""

    def __init__(self) -> None:
        self.problems: list[tuple[str, str]] = []
        self._left = VALUES_MAX

    def clean(self, value: Any, path: str, depth: int) -> Any:
        self._left -= 1
        if depth > DEPTH_MAX or self._left < 0:
            return self._too_large(path, depth)
        if isinstance(value, dict):
            return {name: self.clean(item, f"{path}.{name}" if path else name, depth + 1) for name, item in self._named(value, path)}
        if isinstance(value, list):
            return [self.clean(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
        if isinstance(value, str):
            return self._text(value, path)
        if _is_json(value):
            return value
        what = "whole numbers have at most 64 bits" if isinstance(value, int) else "JSON has no such value"
        self.problems.append((path, f"{what}: {value!r:.80}"))
        return None

    def _too_large(self, path: str, depth: int) -> None:
        what = (
            f"nested deeper than {DEPTH_MAX} levels"
            if depth > DEPTH_MAX
            else f"more than {VALUES_MAX} values, counting an anchor wherever it is used"
        )
        if not self.problems or self.problems[-1][1] != what:
            self.problems.append((path, what))

    def _named(self, value: dict[Any, Any], path: str) -> Iterator[tuple[str, Any]]:
        for name, item in value.items():
            yield self._name(name, path), item

    def _name(self, name: Any, path: str) -> str:
        if isinstance(name, str):
            return self._text(name, path)
        self.problems.append((path, f"a field name is a string: put {name!r:.80} in quotes"))
        return _writable(str(name))

    def _text(self, text: str, path: str) -> str:
        try:
            text.encode()
        except UnicodeEncodeError:
            try:  # JSON writes a character beyond the basic plane as two escapes, which YAML reads one by one
                return text.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                self.problems.append((path, "half a surrogate pair is no character"))
                return _writable(text)
        return text
