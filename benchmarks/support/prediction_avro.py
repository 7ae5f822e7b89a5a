"""Predictions as fastavro reads them, for contenders that know nothing of the processor."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro

HEADER_BYTES = 5
SCHEMA = fastavro.parse_schema(json.loads((Path(__file__).parents[2] / "schemas" / "prediction.avsc").read_bytes()))


def read_prediction(value: bytes) -> Any:
    """One prediction; its schema is trusted to be the one checked in."""
    return fastavro.schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), SCHEMA, SCHEMA)
