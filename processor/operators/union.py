"""Several outputs as the one that a node with several inputs is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processor.operators.content import Content, Elements, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def unite(outputs: Sequence[Output]) -> Output:
    """The union: concepts by id, regions by id and within them concepts by id, the larger value; what has no id stays apart.

    A text is that of the first output that has one.
    """
    present = np.logical_or.reduce([output.present for output in outputs])

    def united(name: str) -> Callable[[], Elements]:
        return lambda: _merge([(output.present, getattr(output.content, name)) for output in outputs])

    return Output(present, Content(len(present), united("concepts"), united("regions"), united("objects"), lambda: _first_texts(outputs)))


def _merge(parts: Sequence[tuple[np.ndarray, Elements]]) -> Elements:
    picked = [elements.pick(np.flatnonzero(present[elements.rows])) for present, elements in parts]
    rows, owners, codes, values = (
        np.concatenate([getattr(elements, name) for elements in picked]) for name in ("rows", "owners", "codes", "values")
    )
    return Elements(parts[0][1].size, values, lambda: rows, lambda: codes, lambda: owners).distinct()


def _first_texts(outputs: Sequence[Output]) -> pa.Array:
    texts = pa.repeat(pa.scalar(""), len(outputs[0].present))
    for output in reversed(outputs):
        own = output.content.texts
        texts = pc.if_else(pc.and_(pa.array(output.present), pc.not_equal(own, "")), own, texts)
    return texts
