"""One record at a time, by fastavro: the catalog, candidates, counters. Predictions come in batches, see `predictions`."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import fastavro

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.framing import frame, unframe

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    says by being None which it is, so it is written as what a union's bytes are: the branch's number, and the value.

    Args:
        schemas: ours.
        name: of the schema.
    """

    def __init__(self, schemas: Schemas, name: str) -> None:
        self._schemas = schemas
        self._name = name
        self._optional = {field["name"]: field["type"] for field in schemas.writer(name)["fields"] if _is_optional(field["type"])}
        self._chosen: dict[frozenset[str], ParsedSchema] = {}

    def __call__(self, value: Mapping[str, Any]) -> bytes:
        """A framed record; every optional field is given.

        Raises:
            ValueError, TypeError: the value does not fit the schema: a fault of the caller.
            FixCluster: the registry does not answer.
        """
        given = frozenset(name for name in self._optional if value[name] is not None)
        if given not in self._chosen:
            self._chosen[given] = self._choose(given)
        chosen = {name: {"branch": int(name in given), "value": value[name]} for name in self._optional}
        return frame(self._schemas.writer_id(self._name), write_body(self._chosen[given], {**value, **chosen}))

    def _choose(self, given: frozenset[str]) -> ParsedSchema:
        """The schema with a record of number and value in place of each optional field."""
        ours = _unparsed(self._schemas.writer(self._name))
        fields = [self._branch(field["name"], given) if field["name"] in self._optional else field for field in ours["fields"]]
        return cast("ParsedSchema", fastavro.parse_schema({**ours, "fields": fields}))

    def _branch(self, name: str, given: frozenset[str]) -> ParsedSchema:
        value = [{"name": "value", "type": self._optional[name][1]}] if name in given else []
        chosen = {"type": "record", "name": f"Chosen_{name}", "fields": [{"name": "branch", "type": "long"}, *value]}
        return {"name": name, "type": chosen}


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


def write_body(schema: ParsedSchema, value: Mapping[str, Any]) -> bytes:
    """A record without framing."""
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
