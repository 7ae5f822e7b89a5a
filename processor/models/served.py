"""What a model served elsewhere is to whoever asks it, and what all of them have: batches, places, and blame put where it belongs."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
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
    """A served model on a runtime. What waits when a call can be made goes along in it, whoever asked; nothing waits for a batch to fill.

    Args:
        name: ``user/app/id``.
        runtime: how it is asked.
        batch_max: inputs a call.
        calls_max: calls under way at once; and inputs prepared at once, which may mean to fetch them.
    """

    def __init__(self, name: str, runtime: Runtime[Prepared], batch_max: int, calls_max: int) -> None:
        self._name = name
        self._runtime = runtime
        self._batch_max = batch_max
        self._calls_max = calls_max
        self._preparing = asyncio.Semaphore(calls_max)
        self._waiting: deque[_Waiting[Prepared]] = deque()
        self._calling: set[asyncio.Task[None]] = set()

    async def predict(self, inputs: Sequence[Input]) -> list[Output | ModelFailed]:
        """One answer for each input, in their order; whatever the model does, nothing is raised."""
        answers = await asyncio.gather(*map(self._answer, inputs))
        return [ModelFailed(self._name, each) if isinstance(each, CallFailed) else each for each in answers]

    async def _answer(self, data: Input) -> Output | CallFailed:
        try:
            # Before it joins a batch: an input whose URL is slow holds back no other.
            async with self._preparing:
                prepared = await self._runtime.prepare(data)
        except CallFailed as failure:
            return failure
        except Exception as error:  # noqa: BLE001 - a fault of ours must not stop everybody's work, and is logged
            return self._fault("an input", error)
        waiting = _Waiting(prepared)
        self._waiting.append(waiting)
        if len(self._calling) < self._calls_max:
            task = asyncio.create_task(self._call_while_some_wait())
            self._calling.add(task)
            task.add_done_callback(self._calling.discard)
        return await waiting.answer

    async def _call_while_some_wait(self) -> None:
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch_max))]
            batch = [each for each in taken if not each.answer.done()]  # without those whose caller gave up
            for each, answer in zip(batch, await self._call([each.prepared for each in batch]) if batch else (), strict=True):
                if not each.answer.done():
                    each.answer.set_result(answer)

    async def _call(self, batch: Sequence[Prepared]) -> Sequence[Output | CallFailed]:
        try:
            return _as_many(batch, await self._runtime.call(batch))
        except CallFailed as failure:
            if len(batch) == 1 or failure.reason not in _BLAMES_AN_INPUT:
                return [failure] * len(batch)
        except Exception as error:  # noqa: BLE001 - as above
            return [self._fault("an answer", error)] * len(batch)
        return [answer for each in batch for answer in await self._call([each])]

    def _fault(self, what: str, error: Exception) -> CallFailed:
        log.error("model %s: %s was not understood", self._name, what, exc_info=error)
        return CallFailed(Failure.UNEXPECTED, f"{type(error).__name__}; the log has the place")


def _as_many(batch: Sequence[object], answers: Sequence[Output | CallFailed]) -> Sequence[Output | CallFailed]:
    if len(answers) != len(batch):
        raise ValueError(f"{len(answers)} answers for {len(batch)} inputs")
    return answers


class _Waiting(Generic[Prepared]):
    """An input that is ready to be sent, and its answer to come."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.answer: asyncio.Future[Output | CallFailed] = asyncio.get_running_loop().create_future()
