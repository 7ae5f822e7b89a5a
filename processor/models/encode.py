"""An input's data as the tensors that a model takes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from processor.fetch import CallFailed, Failure
from processor.fetch.fetcher import IMAGE_TYPES, TEXT_TYPES
from processor.models.images import image_tensor
from processor.models.params import ImageInput, MetadataInput, TextInput
from processor.models.tensors import DTYPES, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.fetch import Fetcher
    from processor.models.params import TensorInput
    from processor.models.served import Input

Tensors = dict[str, Tensor]
"""By name, without the axis of the batch."""

_URL_SAFE = str.maketrans("-_", "+/")
_QUANTUM = 4
_PLAIN: Mapping[str, tuple[type, ...]] = {
    "BOOL": (bool,),
    "INT64": (int,),
    "FP32": (int, float),
    "FP64": (int, float),
    "BYTES": (str,),
}


class Encoder:
    """Makes tensors of inputs.

    Args:
        tensors: what the model takes.
        fetcher: gets what an input refers to by URL.
    """

    def __init__(self, tensors: Sequence[TensorInput], fetcher: Fetcher) -> None:
        self._tensors = tensors
        self._fetcher = fetcher

    async def encode(self, data: Input) -> Tensors:
        """The tensors of one input.

        Raises:
            CallFailed: bad_input for one that lacks what the model takes, or of the fetching.
        """
        return {wanted.name: await self._tensor(wanted, data) for wanted in self._tensors}

    async def _tensor(self, wanted: TensorInput, data: Input) -> Tensor:
        if isinstance(wanted, ImageInput):
            content = await self._content(data, "image", "base64", IMAGE_TYPES)
            return await asyncio.to_thread(image_tensor, content, wanted)
        if isinstance(wanted, TextInput):
            content = await self._content(data, "text", "raw", TEXT_TYPES)
            return np.array([_utf8(content)], np.object_)
        return metadata_tensor(data, wanted)

    async def _content(self, data: Input, kind: str, inline: str, content_types: tuple[str, ...]) -> bytes:
        given = data.get(kind)
        if not isinstance(given, Mapping) or not (given.get(inline) or given.get("url")):
            raise CallFailed(Failure.BAD_INPUT, f"the input has no {kind}")
        if not given.get(inline):
            return await self._fetcher.fetch(given["url"], content_types)
        text = str(given[inline])
        return _decode_base64(text) if inline == "base64" else text.encode()


def metadata_tensor(data: Input, wanted: MetadataInput) -> Tensor:
    """What stands in an input's metadata, as a tensor of ``wanted.length`` values.

    Raises:
        CallFailed: bad_input, for what is missing, of another type, or of another number.
    """
    found = _at_path(data.get("metadata"), wanted.path)
    values = found if isinstance(found, list) else [found]
    where = f"the input's metadata {wanted.path!r}"
    if len(values) != wanted.length or not all(type(value) in _PLAIN[wanted.datatype] for value in values):
        raise CallFailed(Failure.BAD_INPUT, f"{where} is no {wanted.datatype}, or not {wanted.length} of them")
    try:
        with np.errstate(over="ignore"):
            tensor = np.array(values, DTYPES[wanted.datatype])
    except OverflowError:
        raise CallFailed(Failure.BAD_INPUT, f"{where} is too large for {wanted.datatype}") from None
    if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
        raise CallFailed(Failure.BAD_INPUT, f"{where} is too large for {wanted.datatype}")
    return tensor


def _at_path(metadata: Any, path: str) -> Any:
    """As in metadata filters: a field of that very name, else a path with dots."""
    if isinstance(metadata, Mapping) and path in metadata:
        return metadata[path]
    for key in path.split("."):
        metadata = metadata.get(key) if isinstance(metadata, Mapping) else None
    return metadata


def _decode_base64(text: str) -> bytes:
    """Either alphabet, with or without padding, as in proto3 JSON."""
    bare = text.translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % _QUANTUM), validate=True)
    except ValueError:
        raise CallFailed(Failure.BAD_INPUT, "the input's base64 is none") from None


def _utf8(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise CallFailed(Failure.BAD_INPUT, "the input's text is not UTF-8") from None
