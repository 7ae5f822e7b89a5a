"""What a model served elsewhere is to whoever asks it, and what one runtime adds: batches, places, and blame put where it belongs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from processor.fetch import CallFailed, Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

Input = Mapping[str, Any]
"""The contract's ``data`` of one input: ``image {url | base64}``, ``text {raw | url}``, ``metadata`` …"""
Output = Mapping[str, Any]
"""The contract's ``data`` of one output: ``concepts``, ``regions``, ``text``, ``embeddings``, ``metadata``."""

Prepared = TypeVar("Prepared")
log = logging.getLogger("collectors.models")

# A call of several inputs that failed so may have failed for one of them: each is asked about alone.
_BLAMES_AN_INPUT = frozenset({Failure.REFUSED, Failure.MODEL_ERROR})


class ModelFailed(CallFailed):
    """A model gave nothing for an input. A value, not raised: one input's failure is not its neighbours'.

    Attributes:
        model: whose failure, as ``user/app/id``.
    """

    def __init__(self, model: str, failure: CallFailed) -> None:
        self.model = model
        super().__init__(failure.reason, f"model {model}: {failure.detail}", failure.retry_after_s)


class ServedModel(Protocol):
    """A model that is served elsewhere."""

    async def predict(self, inputs: Sequence[Input]) -> Sequence[Output | ModelFailed]:
        """One answer for each input, in their order; whatever the model does, nothing is raised."""


class Runtime(Protocol[Prepared]):
    """How one sort of model is asked. Both methods raise CallFailed."""

    async def prepare(self, data: Input) -> Prepared:
        """What an input becomes before it can be sent: decoded, fetched, scaled."""

    async def call(self, batch: Sequence[Prepared]) -> Sequence[Output | CallFailed]:
        """One answer for each, in their order."""


class BatchingModel(Generic[Prepared]):
    """A served model on a runtime.

    Args:
        name: ``user/app/id``.
        runtime: how it is asked.
        batch_max: inputs a call.
        calls_max: calls under way at once, and inputs of theirs that are fetched at once.
    """

    def __init__(self, name: str, runtime: Runtime[Prepared], batch_max: int, calls_max: int) -> None:
        self._name = name
        self._runtime = runtime
        self._batch_max = batch_max
        self._places = asyncio.Semaphore(calls_max)
        self._preparing = asyncio.Semaphore(calls_max)

    async def predict(self, inputs: Sequence[Input]) -> list[Output | ModelFailed]:
        """One answer for each input, in their order; whatever the model does, nothing is raised."""
        batches = [inputs[start : start + self._batch_max] for start in range(0, len(inputs), self._batch_max)]
        answers = await asyncio.gather(*map(self._batch, batches))
        return [ModelFailed(self._name, each) if isinstance(each, CallFailed) else each for batch in answers for each in batch]

    async def _batch(self, inputs: Sequence[Input]) -> Sequence[Output | CallFailed]:
        async with self._places:
            try:
                return await self._prepare_and_call(inputs)
            except Exception as error:  # a fault of ours must not stop everybody's work, and must not go unseen
                log.exception("model %s: an input or an answer was not understood", self._name)
                return [CallFailed(Failure.UNEXPECTED, f"{type(error).__name__}; the log has the place")] * len(inputs)

    async def _prepare_and_call(self, inputs: Sequence[Input]) -> list[Output | CallFailed]:
        prepared = await asyncio.gather(*map(self._prepared, inputs))
        good = [each.value for each in prepared if isinstance(each, _Ready)]
        answers = iter(await self._call(good) if good else ())
        return [next(answers) if isinstance(each, _Ready) else each for each in prepared]

    async def _prepared(self, data: Input) -> _Ready[Prepared] | CallFailed:
        async with self._preparing:
            try:
                return _Ready(await self._runtime.prepare(data))
            except CallFailed as failure:
                return failure

    async def _call(self, batch: Sequence[Prepared]) -> Sequence[Output | CallFailed]:
        try:
            return await self._runtime.call(batch)
        except CallFailed as failure:
            if len(batch) == 1 or failure.reason not in _BLAMES_AN_INPUT:
                return [failure] * len(batch)
        return [answer for each in batch for answer in await self._call([each])]


class _Ready(Generic[Prepared]):
    """An input that can be sent."""

    def __init__(self, value: Prepared) -> None:
        self.value = value
