"""The datatypes of the Open Inference Protocol that are used here, and what numpy calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

Tensor = np.ndarray[Any, Any]
DTYPES: Mapping[str, Any] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "INT64": np.int64,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,  # of str: in JSON they are strings
}
DATATYPES: Mapping[Any, str] = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
