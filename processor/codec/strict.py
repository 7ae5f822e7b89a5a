"""What fastavro lets through and the columnar reader does not: numbers of more than ten bytes, branches and blocks that cannot be.

Plain Python and slow: asked only by the reference decoder, about bodies that are not written in the usual way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processor.codec.bad import BadReason, BadRecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.codec.registry import ParsedSchema

NUMBER_BYTES_MAX = 10
NUMBER_MIN = -(2**63)
_WIDTHS = {"null": 0, "boolean": 1, "float": 4, "double": 8}


def check_numbers(body: bytes, schema: ParsedSchema) -> None:
    """Walk over a body that fastavro has read.

    Raises:
        BadRecordError: not_decodable.
    """
    _Walk(body, dict(_records(schema))).over(schema)


def _records(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every record that a schema defines, by name."""
    if isinstance(schema, dict) and "name" in schema and "fields" in schema:
        yield schema["name"], schema
    inner = schema.values() if isinstance(schema, dict) else schema
    for each in inner if isinstance(schema, dict | list) else ():
        yield from _records(each)


class _Walk:
    def __init__(self, body: bytes, named: dict[str, Any]) -> None:
        self._body = body
        self._at = 0
        self._named = named

    def over(self, schema: Any) -> None:
        """Skip one value of a schema."""
        kind = schema["type"] if isinstance(schema, dict) else schema
        if isinstance(kind, list):
            self.over(kind[self._branch(len(kind))])
        elif kind in self._named:
            self.over(self._named[kind])
        elif kind == "record":
            for field in schema["fields"]:
                self.over(field["type"])
        elif kind == "array":
            self._array(schema["items"])
        elif kind in {"string", "bytes"}:
            length = self._number()  # which moves on itself: not to be added to where it began
            self._at += length
        elif kind in {"int", "long"}:
            self._number()
        else:
            self._at += _WIDTHS[kind]

    def _array(self, items: Any) -> None:
        while count := self._number():
            if count == NUMBER_MIN:  # which has no opposite: fastavro takes it for none
                raise BadRecordError(BadReason.NOT_DECODABLE, f"a block of {count} items")
            if count < 0:
                self._number()  # the block's size in bytes; fastavro and the columnar reader pass over it too
            for _ in range(abs(count)):
                self.over(items)

    def _branch(self, branches: int) -> int:
        branch = self._number()
        if not 0 <= branch < branches:
            raise BadRecordError(BadReason.NOT_DECODABLE, f"invalid union branch {branch}")
        return branch

    def _number(self) -> int:
        """A zigzag number; bits beyond the 64th are dropped, as both decoders do."""
        number = shift = 0
        for byte in self._body[self._at : self._at + NUMBER_BYTES_MAX]:
            self._at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follow
                number &= 0xFFFF_FFFF_FFFF_FFFF
                return number >> 1 ^ -(number & 1)
        raise BadRecordError(BadReason.NOT_DECODABLE, f"a number of more than {NUMBER_BYTES_MAX} bytes, or cut off")
