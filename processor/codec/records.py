"""One record at a time, by fastavro: the catalog, candidates, counters. Predictions come in batches, see `predictions`."""

from __future__ import annotations

from io import BytesIO
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

import fastavro

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.framing import frame, unframe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from processor.codec.registry import ParsedSchema, Schemas


def encode(schemas: Schemas, name: str, value: Mapping[str, Any]) -> bytes:
    """A framed record under our own schema of that name; fields left out get the schema's defaults.

    Raises:
        ValueError, TypeError: the value does not fit the schema (fastavro's errors): a fault of the caller, not of any data.
        FixCluster: the registry does not answer.
    """
    return frame(schemas.writer_id(name), write_body(schemas.writer(name), value))


class Encoder:
    """`encode` for many records of one schema, in half of the time where an optional field holds much.

    To choose a union's branch fastavro looks whether the value fits, all of it, and then walks it once more to write it. An optional field
    says by being None which it is, so it is written as what a union's bytes are: the branch's number, and the value. And an optional array
    of records of strings is written as one block with its size in front, which is what bytes look like
    (https://avro.apache.org/docs/1.12.0/specification/#arrays-1): many items share their strings, and each distinct one is written once.

    Args:
        schemas: ours.
        name: of the schema.
    """

    def __init__(self, schemas: Schemas, name: str) -> None:
        self._schemas = schemas
        self._name = name
        self._optional = {field["name"]: field["type"][1] for field in schemas.writer(name)["fields"] if _is_optional(field["type"])}
        self._texts = {name: fields for name, kind in self._optional.items() if (fields := _texts(kind))}
        self._chosen: dict[frozenset[tuple[str, bool]], ParsedSchema] = {}

    def __call__(self, value: Mapping[str, Any]) -> bytes:
        """A framed record; every optional field is given.

        Raises:
            KeyError, ValueError, TypeError: the value does not fit the schema: a fault of the caller.
            FixCluster: the registry does not answer.
        """
        given = {name: value[name] for name in self._optional if value[name] is not None}
        in_blocks = {name: self._block(name, items) for name, items in given.items() if name in self._texts and items}
        kinds = frozenset((name, name in in_blocks) for name in given)
        if kinds not in self._chosen:
            self._chosen[kinds] = self._choose(dict(kinds))
        chosen = {name: in_blocks.get(name) or {"branch": int(name in given), "value": value[name]} for name in self._optional}
        return frame(self._schemas.writer_id(self._name), write_body(self._chosen[kinds], {**value, **chosen}))

    def _block(self, name: str, items: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        texts = list(chain.from_iterable(map(itemgetter(*self._texts[name]), items)))
        written = {text: write_body("string", text) for text in set(texts)}
        return {"branch": 1, "count": -len(items), "block": b"".join(map(written.__getitem__, texts)), "end": 0}

    def _choose(self, in_blocks: Mapping[str, bool]) -> ParsedSchema:
        """The schema with a record of what stands in the bytes in place of each optional field; which are given, and which as a block."""
        ours = _unparsed(self._schemas.writer(self._name))
        fields = [self._branch(field["name"], in_blocks) if field["name"] in self._optional else field for field in ours["fields"]]
        return cast("ParsedSchema", fastavro.parse_schema({**ours, "fields": fields}))

    def _branch(self, name: str, in_blocks: Mapping[str, bool]) -> ParsedSchema:
        parts = {"branch": "long"}
        if name in in_blocks:
            parts |= {"count": "long", "block": "bytes", "end": "long"} if in_blocks[name] else {"value": self._optional[name]}
        fields = [{"name": part, "type": kind} for part, kind in parts.items()]
        return {"name": name, "type": {"type": "record", "name": f"Chosen_{name}", "fields": fields}}


def decode(schemas: Schemas, name: str, data: bytes | None) -> dict[str, Any]:
    """A framed record as our own schema of that name has it, whichever version it was written with.

    Raises:
        BadRecordError: tombstone, no_framing, unknown_schema_id, not_decodable or invalid_utf8.
        FixCluster: the registry does not answer.
    """
    if data is None:
        raise BadRecordError(BadReason.TOMBSTONE, "the record has no value")
    schema_id, body = unframe(data)
    return read_body(body, schemas.by_id(schema_id), schemas.writer(name))


def write_body(schema: ParsedSchema | str, value: Any) -> bytes:
    """A record, or what else a schema is of, without framing."""
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, schema, value)
    return buffer.getvalue()


def read_body(body: bytes, writer: ParsedSchema, reader: ParsedSchema | None = None) -> dict[str, Any]:
    """A record without framing, resolved to the reader's schema. Bytes after its end are ignored.

    Raises:
        BadRecordError: not_decodable; invalid_utf8 when the strings' bytes are the only fault.
    """
    try:
        return _read(body, writer, reader, "strict")
    except UnicodeDecodeError as error:
        # The first bad string ends the reading, and what follows may be broken too: that comes first.
        _read_structure(body, writer, reader)
        raise BadRecordError(BadReason.INVALID_UTF8, str(error)) from None
    except Exception as error:  # noqa: BLE001 - damaged bytes make fastavro raise errors of a dozen kinds
        raise _not_decodable(error) from None


def without_logical_types(schema: Any) -> Any:
    """A parsed schema under which a time is a plain number, so that one beyond the calendar can be read, and told."""
    if isinstance(schema, dict):
        return {key: without_logical_types(value) for key, value in schema.items() if key != "logicalType"}
    return [without_logical_types(each) for each in schema] if isinstance(schema, list) else schema


def _is_optional(kind: Any) -> bool:
    return isinstance(kind, list) and len(kind) == 2 and kind[0] == "null"  # noqa: PLR2004 - null, and what it is otherwise


def _texts(kind: Any) -> tuple[str, ...]:
    """The fields of the items of an array, where all of several are strings."""
    items = kind["items"] if isinstance(kind, dict) and kind["type"] == "array" else None
    fields = items["fields"] if isinstance(items, dict) and items["type"] == "record" else []
    return tuple(field["name"] for field in fields) if len(fields) > 1 and all(field["type"] == "string" for field in fields) else ()


def _unparsed(schema: ParsedSchema) -> ParsedSchema:
    """Without fastavro's mark that it has parsed this."""
    return {key: value for key, value in schema.items() if not key.startswith("__")}


def _read_structure(body: bytes, writer: ParsedSchema, reader: ParsedSchema | None) -> None:
    try:
        _read(body, writer, reader, "replace")
    except Exception as error:  # noqa: BLE001 - as in read_body
        raise _not_decodable(error) from None


def _read(body: bytes, writer: ParsedSchema, reader: ParsedSchema | None, unicode_errors: str) -> dict[str, Any]:
    value = fastavro.schemaless_reader(BytesIO(body), writer, None if reader is writer else reader, handle_unicode_errors=unicode_errors)
    if not isinstance(value, dict):
        raise TypeError(f"a record is wanted, not {type(value).__name__}")
    return value


def _not_decodable(error: Exception) -> BadRecordError:
    # fastavro's resolution errors print both schemas whole.
    return BadRecordError(BadReason.NOT_DECODABLE, f"{type(error).__name__}: {str(error)[:200]}")
