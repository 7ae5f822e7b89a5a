"""The Arrow schema of an Avro schema; for the kinds of types that our schemas have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from processor.codec.registry import ParsedSchema

_PRIMITIVES = {
    "string": pa.string(),
    "float": pa.float32(),
    "double": pa.float64(),
    "int": pa.int32(),
    "long": pa.int64(),
    "boolean": pa.bool_(),
    "timestamp-micros": pa.timestamp("us"),
}


def arrow_schema(schema: ParsedSchema) -> pa.Schema:
    """Columns of a record.

    Args:
        schema: a record, parsed by fastavro (so every name is a full name).

    Raises:
        KeyError: the schema has a type that is not known here.
    """
    return pa.schema(_Translation().fields(schema, nullable=False))


class _Translation:
    def __init__(self) -> None:
        self._named: dict[str, dict[str, Any]] = {}

    def fields(self, record: dict[str, Any], *, nullable: bool) -> list[pa.Field]:
        return [self._field(field["name"], field["type"], nullable=nullable) for field in record["fields"]]

    def _field(self, name: str, type_: Any, *, nullable: bool) -> pa.Field:
        if isinstance(type_, list):
            (inner,) = [branch for branch in type_ if branch != "null"]
            return pa.field(name, self._type(inner, nullable=nullable), nullable=True)
        return pa.field(name, self._type(type_, nullable=nullable), nullable=nullable)

    def _type(self, type_: Any, *, nullable: bool) -> pa.DataType:
        if isinstance(type_, str):
            return self._type(self._named[type_], nullable=nullable) if type_ in self._named else _PRIMITIVES[type_]
        if type_["type"] == "array":
            # Nothing in an array is ever null; it is declared as most readers of Arrow do.
            return pa.list_(pa.field("item", self._type(type_["items"], nullable=True), nullable=True))
        if type_["type"] == "record":
            self._named[type_["name"]] = type_
            return pa.struct(self.fields(type_, nullable=nullable))
        return _PRIMITIVES[type_.get("logicalType", type_["type"])]
