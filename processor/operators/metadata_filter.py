"""``metadata-filter``: predictions by their input's metadata."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import orjson

from processor.operators.base import PassThrough
from processor.operators.content import Output
from processor.operators.metadata_query import matches_all

if TYPE_CHECKING:
    from processor.operators.base import GraphOf, Rows
    from processor.operators.metadata_query import Test
    from processor.operators.output_info import OutputInfo


@dataclass(frozen=True, slots=True)
class MetadataFilter(PassThrough):
    """Keeps the whole output when the input's metadata matches; an input without metadata is one with an empty object.

    Attributes:
        query: the filter as JSON, keys sorted.
    """

    model_type_id: ClassVar[str] = "metadata-filter"
    doc: ClassVar[str] = (
        "Keeps the whole output when the input's metadata matches: plain values by equality (type-strict, arrays whole), nested objects "
        "as subsets, or $eq $ne $gt $gte $lt $lte $in $nin $exists $regex $not as in MongoDB; a key with dots that the object "
        "does not have is a path into it."
    )
    takes: ClassVar[frozenset[str]] = frozenset({"metadata"})
    params: ClassVar[frozenset[str]] = frozenset({"metadata"})

    query: bytes
    matches: Test = field(compare=False, repr=False)

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read ``params.metadata``."""
        query: Any = info.params.get("metadata")
        if not isinstance(query, dict):
            info.problem("params.metadata", "is missing; an object to match the input's metadata against is wanted")
            query = {}
        elif any(str(name).startswith("$") for name in query):
            info.problem("params.metadata", "operators stand at a field, as in {camera: {$gt: 3}}, not at the top")
            query = {}
        matches = matches_all("params.metadata", query, info.problem)
        return cls(orjson.dumps(query, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str), matches)

    def apply(self, rows: Rows, given: Output) -> Output:
        """The input, where the metadata match."""
        numbers, document = rows.documents
        asked = np.bincount(numbers[given.present])
        matching = np.zeros(int(numbers.max(initial=0)) + 1, bool)
        for number in np.flatnonzero(asked).tolist():
            matching[number] = self.matches(document(number))
        return Output(given.present & matching[numbers], given.content)
