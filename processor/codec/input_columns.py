"""Bodies of inputs by column: the same bytes as `processor.codec.inputs` makes of one prediction, for many predictions at once.

A body is five texts: what the prediction's input has before the provenance, the collector's part of that, the prediction's id, the
collector's part again, and what follows. The first, third and last are made once a prediction, the others once a collector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson
import pyarrow as pa

from processor.codec.inputs import CONTENT, opened_metadata, provenance_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from processor.codec.inputs import Collected

# Stands for the prediction's id in a collector's part. JSON has no such character unescaped, so no name of anything can hold it.
_PLACE = "\0"
_PLACE_JSON = orjson.dumps(_PLACE).decode()


class PredictionText(NamedTuple):
    """One prediction's part of the bodies of its inputs.

    Attributes:
        id: the prediction's.
        id_json: the same as JSON.
        before: from the data's opening to where the provenance stands among the metadata.
        after: from behind the metadata to the data's end.
    """

    id: str
    id_json: str
    before: str
    after: str


class CollectorText(NamedTuple):
    """One collector's part of the bodies of its inputs.

    Attributes:
        fields: between the input's id and its data.
        before, after: the provenance before and after the prediction's id.
    """

    fields: str
    before: str
    after: str


def collector_text(collected: Collected) -> CollectorText:
    """A collector's part; whichever prediction ``collected`` names, it holds for all."""
    before, after = provenance_json(collected._replace(prediction_id=_PLACE)).split(_PLACE_JSON, 1)
    datasets = f',"dataset_ids":{orjson.dumps(collected.dataset_ids).decode()}' if collected.dataset_ids else ""
    return CollectorText(datasets, f'"collected":{before}', f"{after}}}")


def prediction_texts(table: pa.RecordBatch, rows: np.ndarray) -> list[PredictionText]:
    """Parts of some predictions, in the order given.

    Args:
        table: predictions; their JSON texts have been checked.
        rows: which, int64.
    """
    if not len(rows):
        return []
    places, data = pa.array(rows), table.column("input").field("data")
    ids = table.column("id").take(places).to_pylist()
    before = ["{"] * len(ids)
    for name in CONTENT:
        if (part := data.field(name)).null_count < len(part):
            before = list(map(str.__add__, before, _objects(name, part, places)))
    own = _texts(data.field("metadata"), places, "{}")
    opened = {text: f'"metadata":{opened_metadata(text)}' for text in set(own)}
    after = [f',"geo":{geo}}}' if geo else "}" for geo in _texts(data.field("geo"), places, "")]
    before = list(map(str.__add__, before, map(opened.__getitem__, own)))
    return list(map(PredictionText, ids, _quoted(ids), before, after))


def body(key: str, prediction: PredictionText, collector: CollectorText) -> bytes:
    """The body of one input; ``key`` is its id."""
    provenance = f"{collector.before}{prediction.id_json}{collector.after}"
    return f'{{"id":"{key}"{collector.fields},"data":{prediction.before}{provenance}{prediction.after}}}'.encode()


def _objects(name: str, part: pa.StructArray, places: pa.Array) -> Iterable[str]:
    """``"name":{…},`` of each row; nothing where the row has none."""
    fields = [
        [f'"{field.name}":{value}' if value else "" for value in _quoted(column.take(places).to_pylist())]
        for field, column in zip(part.type, part.flatten(), strict=True)
        if column.null_count < len(column)
    ]
    inner = map(",".join, (filter(None, values) for values in zip(*fields, strict=True))) if fields else [""] * len(places)
    there = part.is_valid().take(places).to_pylist()
    return [f'"{name}":{{{text}}},' if present else "" for text, present in zip(inner, there, strict=True)]


def _quoted(values: list[str | None]) -> list[str]:
    """JSON strings; empty for None."""
    return ["" if value is None else orjson.dumps(value).decode() for value in values]


def _texts(column: pa.Array, places: pa.Array, absent: str) -> list[str]:
    if column.null_count == len(column):
        return [absent] * len(places)
    return [text or absent for text in column.take(places).to_pylist()]
