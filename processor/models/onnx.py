"""ONNX models in this process: a file of the folder that ops configured, checked by its SHA-256, loaded once, asked by the batch."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from processor.fetch import CallFailed, Failure
from processor.fetch.exchange import within
from processor.models.decode import decode
from processor.models.tensors import DATATYPES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from processor.models.breaker import Breaker
    from processor.models.encode import Encoder, Tensors
    from processor.models.endpoint import Onnx
    from processor.models.params import TensorInfo
    from processor.models.served import Input, Output

FILE_BYTES_MAX = 2_000_000_000  # what a protobuf message can hold
RUNS_AT_ONCE = 2
ERRORS_ONLY = 3
_TYPES = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(int64)": "INT64",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}


class OnnxFile:
    """A session on a file, made when it is asked for first.

    Args:
        folder: where models may be; None: ops configured none.
        endpoint: the file in it, and its SHA-256.
    """

    def __init__(self, folder: Path | None, endpoint: Onnx) -> None:
        self._folder = folder
        self._endpoint = endpoint
        self._session: Any = None
        self._loading = asyncio.Lock()

    async def session(self) -> Any:
        """The session.

        Raises:
            CallFailed: not_loaded, with what to do.
        """
        async with self._loading:
            if self._session is None:
                self._session = await asyncio.to_thread(self._load)
            return self._session

    def _load(self) -> Any:
        try:
            import onnxruntime  # noqa: PLC0415 - an extra, and slow to load
        except ImportError:
            raise _not_loaded("ONNX models want onnxruntime: install collectors[onnx]") from None
        content = self._checked(self._read())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        try:
            # From the bytes that were checked: the file may change, and a model that refers to further files finds none.
            return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime has an exception for every sort of broken file
            raise _not_loaded(f"{self._endpoint.path} is no model that onnxruntime takes ({type(error).__name__})") from error

    def _read(self) -> bytes:
        if self._folder is None:
            raise _not_loaded("no folder for models is configured: models_folder (COLLECTORS_MODELS_FOLDER)")
        folder = self._folder.resolve()
        path = (folder / self._endpoint.path).resolve()
        if not path.is_relative_to(folder):
            raise _not_loaded(f"{self._endpoint.path} leads out of the models folder")
        try:
            with path.open("rb") as file:
                return file.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise _not_loaded(f"{self._endpoint.path} of the models folder cannot be read: {error.strerror}") from None

    def _checked(self, content: bytes) -> bytes:
        if len(content) > FILE_BYTES_MAX:
            raise _not_loaded(f"{self._endpoint.path} is larger than {FILE_BYTES_MAX} bytes")
        found = hashlib.sha256(content).hexdigest()
        if found != self._endpoint.sha256:
            raise _not_loaded(f"{self._endpoint.path} has SHA-256 {found}, and the endpoint says {self._endpoint.sha256}")
        return content


class OnnxRuntime:
    """Runs one model.

    Args:
        file: the model's.
        info: its tensors.
        encoder: makes them.
        breaker: a file that cannot be loaded is not read again for every input.
        run_s: seconds for one batch.
    """

    def __init__(self, file: OnnxFile, info: TensorInfo, encoder: Encoder, breaker: Breaker, run_s: float) -> None:
        self._file = file
        self._info = info
        self._encoder = encoder
        self._breaker = breaker
        self._run_s = run_s
        # Threads of its own: a slow model keeps no other from running.
        self._threads = ThreadPoolExecutor(RUNS_AT_ONCE, "onnx")
        self._places = asyncio.Semaphore(RUNS_AT_ONCE)

    async def prepare(self, data: Input) -> Tensors:
        """The tensors of one input."""
        return await self._encoder.encode(data)

    async def call(self, batch: Sequence[Tensors]) -> list[Output | CallFailed]:
        """One output for each."""
        feeds = {each.name: np.stack([tensors[each.name] for tensors in batch]) for each in self._info.params.inputs}
        names = [each.name for each in self._info.params.outputs]
        async with self._places:
            with self._breaker.calling():
                session = await self._file.session()
                check_signature(session, feeds, names)
                found = await self._run(session, names, feeds)
                return decode(self._info, dict(zip(names, found, strict=True)), len(batch))

    async def _run(self, session: Any, names: list[str], feeds: dict[str, Any]) -> list[Any]:
        import onnxruntime  # noqa: PLC0415 - there, because the session is

        options = onnxruntime.RunOptions()
        try:
            async with within(self._run_s, "onnxruntime"):
                return await asyncio.get_running_loop().run_in_executor(self._threads, session.run, names, feeds, options)
        except CallFailed:
            raise
        except Exception as error:  # noqa: BLE001 - the runtime has an exception for everything
            raise CallFailed(Failure.MODEL_ERROR, f"onnxruntime: {' '.join(str(error).split())[:300]}") from None
        finally:
            options.terminate = True  # a run that nobody waits for any more ends at its next operator


def check_signature(session: Any, feeds: dict[str, Any], names: list[str]) -> None:
    """Hold what the document says against what the model is.

    Raises:
        CallFailed: not_loaded, with both.
    """
    takes = {each.name: each.type for each in session.get_inputs()}
    gives = {each.name: each.type for each in session.get_outputs()}
    for name, tensor in feeds.items():
        if _TYPES.get(takes.get(name, "")) != DATATYPES[tensor.dtype]:
            raise _not_loaded(f"params.inputs: there is no input {name!r} of {DATATYPES[tensor.dtype]}; the model takes {takes}")
    if missing := takes.keys() - feeds.keys():
        raise _not_loaded(f"params.inputs: the model also takes {sorted(missing)}")
    for name in names:
        if not gives.get(name, "").startswith("tensor("):
            raise _not_loaded(f"params.outputs: there is no tensor {name!r}; the model gives {gives}")


def _not_loaded(words: str) -> CallFailed:
    return CallFailed(Failure.NOT_LOADED, words)
