"""A real model that reads handwritten digits, trained once, in the forms that servers take; and pictures for it."""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from processor.demo.data import INK_MAX, SEED, TRAINED_ON, Reads
from processor.demo.second_reader import SecondReader

if TYPE_CHECKING:
    from pathlib import Path

OPSET = 18
ONNX_NAME = "digits.onnx"


@functools.cache
def model() -> Any:
    """The classifier: 64 shares of ink, 0 to 1, in; ten probabilities out."""
    digits = load_digits()
    return MLPClassifier((32,), max_iter=1000, random_state=SEED).fit(digits.data[:TRAINED_ON] / INK_MAX, digits.target[:TRAINED_ON])


def pictures(count: int) -> list[dict[str, Any]]:
    """Inputs as the demo has them: what the model was not trained on, as PNG; every eighth holds two digits."""
    scans = load_digits().images[TRAINED_ON:]
    unsure = np.zeros((len(scans), 10))
    reads = Reads(scans, unsure, SecondReader(b"", unsure))
    return [prediction["input"]["data"] for prediction in reads.predictions(count)]


def save_sklearn(path: Path) -> None:
    """As joblib has it."""
    joblib.dump(model(), path)


def save_onnx(folder: Path, name: str = ONNX_NAME, **options: Any) -> str:
    """As ONNX; the endpoint that names it."""
    wanted = {"zipmap": False, **options}
    content: bytes = to_onnx(model(), np.zeros((1, 64), np.float32), options=wanted, target_opset=OPSET).SerializeToString()
    (folder / name).write_bytes(content)
    return f"onnx:{name}#sha256={hashlib.sha256(content).hexdigest()}"
