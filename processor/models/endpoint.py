"""A model's ``endpoint``: which runtime, and where. The runtime is written down, never guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from processor.fetch.exchange import web_url

OPEN_INFERENCE = "open-inference+"
POST_MODEL_OUTPUTS = "post-model-outputs+"
ONNX = "onnx:"
RUNTIMES = (OPEN_INFERENCE, POST_MODEL_OUTPUTS, ONNX)

_SEGMENT = r"[^/]+"
_INFERENCE_PATH = re.compile(rf"(/{_SEGMENT})*/v2/models/{_SEGMENT}(/versions/{_SEGMENT})?")
_OUTPUTS_PATH = re.compile(rf"(/{_SEGMENT})*/v2/users/{_SEGMENT}/apps/{_SEGMENT}/models/{_SEGMENT}(/versions/{_SEGMENT})?/outputs")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FORMS = (
    f"{OPEN_INFERENCE}https://HOST/v2/models/NAME, {POST_MODEL_OUTPUTS}https://HOST/v2/users/U/apps/A/models/M/outputs "
    f"or {ONNX}FILE.onnx#sha256=HEX"
)


@dataclass(frozen=True, slots=True)
class OpenInference:
    """A server that speaks the Open Inference Protocol; ``url`` is the model's, to which ``/infer`` is added."""

    url: str


@dataclass(frozen=True, slots=True)
class PostModelOutputs:
    """A server that speaks the public contract; ``url`` ends in ``/outputs``."""

    url: str


@dataclass(frozen=True, slots=True)
class Onnx:
    """A file that this process runs; ``path`` is below the folder that ops configured, ``sha256`` lower-case hex."""

    path: str
    sha256: str


Endpoint = OpenInference | PostModelOutputs | Onnx


def runtime_of(text: str) -> str | None:
    """The runtime that an endpoint names, be the rest right or wrong."""
    return next((runtime for runtime in RUNTIMES if text.startswith(runtime)), None)


def parse_endpoint(text: str) -> Endpoint:
    """Read an endpoint.

    Raises:
        ValueError: it is none; the text says what is wanted.
    """
    runtime = runtime_of(text)
    if runtime is None:
        raise ValueError(f"it does not say how the model is called; one of these is wanted: {_FORMS}")
    place = text.removeprefix(runtime)
    if runtime == ONNX:
        return _onnx(place)
    if runtime == OPEN_INFERENCE:
        return OpenInference(_url(place, _INFERENCE_PATH, "…/v2/models/NAME or …/v2/models/NAME/versions/V, without /infer"))
    return PostModelOutputs(_url(place, _OUTPUTS_PATH, "…/v2/users/U/apps/A/models/M/outputs or …/M/versions/V/outputs"))


def _url(text: str, path: re.Pattern[str], wanted: str) -> str:
    url = web_url(text)
    if url.query or url.fragment:
        raise ValueError("a model's URL has no query and no fragment")
    if not path.fullmatch(url.raw_path.decode("ascii")):
        raise ValueError(f"{url.path!r} is not the path of a model: {wanted} is wanted")
    return str(url)


def _onnx(text: str) -> Onnx:
    name, _, fragment = text.partition("#")
    path = PurePosixPath(name)
    if path.suffix != ".onnx" or path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
        raise ValueError(f"{name!r} is no file of the models folder: a relative path that ends in .onnx, without .., is wanted")
    algorithm, _, digest = fragment.partition("=")
    if algorithm != "sha256" or not _SHA256.fullmatch(digest):
        raise ValueError("the file's SHA-256 is wanted behind its name: #sha256= and 64 lower-case hex digits")
    return Onnx(str(path), digest)
