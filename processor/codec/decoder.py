"""Which decoder this machine has: the columnar one, or the reference where that was not compiled."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from processor.codec.compiled import IS_AVAILABLE
from processor.codec.predictions import PredictionDecoder
from processor.codec.reference import ReferenceDecoder

if TYPE_CHECKING:
    from processor.codec.predictions import Decoder
    from processor.codec.registry import Schemas

log = logging.getLogger("collectors.codec")


def prediction_decoder(schemas: Schemas, record_bytes_max: int) -> Decoder:
    """The quickest decoder there is; a larger value than ``record_bytes_max`` is bad."""
    if IS_AVAILABLE:
        return PredictionDecoder(schemas, record_bytes_max)
    log.warning("the columnar reader was not compiled on this machine: predictions are decoded one by one, about 50 times slower")
    return ReferenceDecoder(schemas, record_bytes_max)
