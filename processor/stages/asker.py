"""Models are asked in an event loop of its own thread, so that the stage's loop turns on whatever they do."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import orjson

from processor.models import ModelFailed, ModelHost, ModelProblems
from processor.second.workflow import ModelGaveNothing

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future
    from typing import Any, TypeVar

    from processor.engine.collector import Served
    from processor.second.data import Data
    from processor.secrets import SecretStore
    from processor.settings import Settings

    T = TypeVar("T")


class Asker:
    """Runs candidates' workflows.

    Args:
        settings: limits of calls.
        secrets: of the keys that models are called with.
    """

    def __init__(self, settings: Settings, secrets: SecretStore) -> None:
        self._settings = settings
        self._secrets = secrets
        self._loop = asyncio.new_event_loop()
        self._host: ModelHost | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="models", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self.submit(self._open()).result()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Have something done; the future is of any thread's."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """End; what is under way is given up."""
        if self._thread.is_alive():
            self.submit(self._close()).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    async def ask(self, model: Served, data: Data) -> Data:
        """Ask a model about one input.

        Raises:
            ModelGaveNothing: it failed, or its document is wrong.
        """
        if self._host is None:
            raise RuntimeError("start() comes first")
        try:
            served = self._host.open(model, orjson.loads(model.output_info or "{}"))
        except ModelProblems as error:
            raise ModelGaveNothing(f"model {model.key}: {error}") from None
        (answer,) = await served.predict([data])
        if isinstance(answer, ModelFailed):
            # All retries are over by now; whether it may pass one day is told by the reason, with which the text begins.
            raise ModelGaveNothing(str(answer))
        return dict(answer)

    async def _open(self) -> None:
        self._host = ModelHost(self._settings, self._secrets)

    async def _close(self) -> None:
        ours = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not ours]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._host is not None:
            await self._host.aclose()
