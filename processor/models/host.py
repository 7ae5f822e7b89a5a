"""All served models of one process: what they share, and how one is made of its document."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

import orjson

from processor.fetch import AddressGuard, Fetcher, Outside
from processor.fetch.fetcher import FetchLimits
from processor.fetch.network import guarded_pool
from processor.models.breaker import Breaker
from processor.models.encode import Encoder
from processor.models.endpoint import Onnx, OpenInference, PostModelOutputs
from processor.models.http_calls import CallLimits, HttpCalls, Line
from processor.models.onnx import OnnxFile, OnnxRuntime
from processor.models.open_inference import OpenInferenceRuntime
from processor.models.params import OutputsInfo, TensorInfo
from processor.models.parse import parse_served_model
from processor.models.post_model_outputs import PostModelOutputsRuntime
from processor.models.served import BatchingModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processor.models.parse import ServedModelSpec
    from processor.models.served import Runtime, ServedModel
    from processor.secrets import SecretStore
    from processor.settings import Settings

MODELS_MAX = 10_000
MS = 1000.0


class ModelRecord(Protocol):
    """What is asked of a model's document; `processor.catalog.records.Model` has it."""

    @property
    def user_id(self) -> str:
        """Owner of its app."""

    @property
    def app_id(self) -> str:
        """Its app."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def endpoint(self) -> str:
        """How it is called."""


class ModelHost:
    """Opens served models; lives in one event loop.

    Args:
        settings: limits, the networks that are allowed, the folder of ONNX models.
        secrets: of the keys that models are called with.
        outside: name servers, certificate authorities, the clock; a test brings its own.
    """

    def __init__(self, settings: Settings, secrets: SecretStore, outside: Outside | None = None) -> None:
        self._settings = settings
        self._secrets = secrets
        self._outside = outside or Outside()
        at_once = settings.model_calls_total
        # A connection for every call and every fetch under way, so that nobody waits for one inside the time of an attempt.
        self._to_models, self._to_inputs = (guarded_pool(AddressGuard(settings.allowed_networks), self._outside, at_once) for _ in range(2))
        limits = CallLimits(settings.model_attempt_timeout_ms / MS, settings.model_timeout_ms / MS, settings.model_answer_bytes_max)
        self._line = Line(self._to_models, asyncio.Semaphore(at_once), limits, self._outside)
        self.fetcher = Fetcher(
            self._to_inputs, FetchLimits(settings.fetch_bytes_max, settings.fetch_timeout_ms / MS, at_once), self._outside
        )
        self._models: dict[tuple[str, str, bytes], ServedModel] = {}
        self._files: WeakValueDictionary[Onnx, OnnxFile] = WeakValueDictionary()

    def open(self, model: ModelRecord, output_info: Mapping[str, Any]) -> ServedModel:
        """A served model: the same one for the same document, with its breaker and its limits. Nothing is connected to or loaded yet.

        Args:
            model: its document.
            output_info: the document's, a node's override already merged in.

        Raises:
            ModelProblems: everything wrong with endpoint and ``output_info``.
        """
        spec = parse_served_model(model.endpoint, output_info)
        name = f"{model.user_id}/{model.app_id}/{model.id}"
        key = (name, model.endpoint, orjson.dumps(output_info, option=orjson.OPT_SORT_KEYS))
        if key not in self._models:
            made = self._make(name, model, spec)
            if len(self._models) >= MODELS_MAX:
                self._models.pop(next(iter(self._models)))  # the oldest; whoever has it open keeps it
            self._models[key] = made
        return self._models[key]

    async def aclose(self) -> None:
        """Close the connections."""
        await self._to_models.aclose()
        await self._to_inputs.aclose()

    def _make(self, name: str, model: ModelRecord, spec: ServedModelSpec) -> ServedModel:
        runtime: Runtime[Any] = self._runtime(model, spec)
        return BatchingModel(name, runtime, spec.info.params.max_batch, self._settings.model_calls)

    def _runtime(self, model: ModelRecord, spec: ServedModelSpec) -> Runtime[Any]:
        bytes_max = self._settings.model_answer_bytes_max
        match spec.endpoint, spec.info:
            case PostModelOutputs(), OutputsInfo():
                secret = partial(self._secrets.get, model.user_id, model.app_id, spec.info.params.key_id)
                return PostModelOutputsRuntime(spec.endpoint, secret, HttpCalls(self._line), bytes_max)
            case OpenInference(), TensorInfo():
                return OpenInferenceRuntime(spec.endpoint, spec.info, self._encoder(spec.info), HttpCalls(self._line), bytes_max)
            case Onnx(), TensorInfo():
                breaker = Breaker(self._outside.clock)
                return OnnxRuntime(self._file(spec.endpoint), spec.info, self._encoder(spec.info), breaker, self._line.limits.attempt_s)
        raise AssertionError(f"no runtime for {spec}")

    def _encoder(self, info: TensorInfo) -> Encoder:
        return Encoder(info.params.inputs, self.fetcher)

    def _file(self, endpoint: Onnx) -> OnnxFile:
        """One session for all models of one file."""
        return self._files.setdefault(endpoint, OnnxFile(self._settings.models_folder, endpoint))
