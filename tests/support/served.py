"""Served models in tests: a clock that only moves when told, names that resolve as the test says, documents of digit models."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from processor.fetch import Outside
from processor.fetch.outside import SystemResolver
from processor.models import ModelHost
from processor.secrets import SecretStore
from processor.settings import Settings

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Coroutine, Mapping
    from pathlib import Path

CONCEPTS = [{"id": f"digit-{digit}", "name": str(digit)} for digit in range(10)]
DIGIT_INPUT = {"from": "image", "mode": "L", "width": 8, "height": 8, "resample": "BOX", "layout": "FLAT", "scale": -1 / 255, "offset": 1.0}
NUMBER_INPUT = {"name": "x", "from": "metadata", "path": "x"}


class Time:
    """A clock that stands still until somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Names:
    """A resolver: what the test says a name leads to, in turn, the last for ever; everything else as the system has it."""

    def __init__(self, **addresses: list[list[str]]) -> None:
        self._addresses = {name.replace("_", "."): list(turns) for name, turns in addresses.items()}
        self._system = SystemResolver()
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        turns = self._addresses.get(host)
        if turns is None:
            return await self._system(host, port)
        return turns.pop(0) if len(turns) > 1 else turns[0]


@dataclass(frozen=True)
class Document:
    """What a model's record has that is asked here."""

    endpoint: str
    output_info: Mapping[str, Any]
    user_id: str = "lena"
    app_id: str = "mail"
    id: str = "reader"


@dataclass(frozen=True)
class Bench:
    """A host of served models and everything it was given."""

    host: ModelHost
    time: Time
    names: Names
    secrets: SecretStore

    def __call__(self, document: Document) -> Any:
        """Open a model."""
        return self.host.open(document, document.output_info)


@dataclass
class Given:
    """What a bench is made of."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    certificates: ssl.SSLContext | None = None


@contextlib.asynccontextmanager
async def bench(given: Given) -> AsyncIterator[Bench]:
    """A host; loopback is allowed unless the settings say otherwise."""
    time = Time()
    outside = Outside(lambda: given.names, given.certificates or httpx.create_ssl_context(), time, time.sleep)
    secrets = SecretStore(given.folder / "secrets")
    host = ModelHost(Settings(**{"allowed_networks": ["127.0.0.0/8"], **given.settings}), secrets, outside)
    try:
        yield Bench(host, time, given.names, secrets)
    finally:
        await host.aclose()


def tensors(outputs: list[dict[str, Any]] | None = None, **params: Any) -> dict[str, Any]:
    """The ``output_info`` of a model that takes one number and gives two concepts."""
    wanted = {"inputs": [NUMBER_INPUT], "outputs": outputs or [{"name": "y", "as": "concepts"}], **params}
    data = {"data": {"concepts": [{"id": "low"}, {"id": "high"}]}} if any(each["as"] == "concepts" for each in wanted["outputs"]) else {}
    return {"params": wanted, **data}


def number(value: float) -> dict[str, Any]:
    """An input of that model."""
    return {"metadata": {"x": value}}


def digits(output: str, name: str = "pixels") -> dict[str, Any]:
    """The ``output_info`` of a model that reads digits."""
    inputs = [{**DIGIT_INPUT, "name": name}]
    return {"params": {"inputs": inputs, "outputs": [{"name": output, "as": "concepts"}]}, "data": {"concepts": CONCEPTS}}


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a test's scenario in an event loop of its own."""
    asyncio.run(scenario)
