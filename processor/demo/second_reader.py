"""The demo's second model: of another kind than the first, and an ONNX file that the processor runs itself.

It is made when the demo starts, because then the evaluation can ask the very model that the file was made of, in the library that
trained it. A file that is kept beside the code would have to be made anew with every version of that library.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

FILE = "second-reader.onnx"
OPERATORS = 17  # of ONNX, the version that the file is written in
STEPS_MAX = 1000


@dataclass(frozen=True)
class SecondReader:
    """A logistic regression.

    Attributes:
        content: it as an ONNX file.
        probabilities: float [n, 10], what scikit-learn's own makes of the pictures that it was not trained on.
    """

    content: bytes
    probabilities: np.ndarray

    @property
    def sha256(self) -> str:
        """Of the file, in hex."""
        return hashlib.sha256(self.content).hexdigest()


def train_second_reader(pixels: np.ndarray, targets: np.ndarray, trained_on: int) -> SecondReader:
    """Train it on the first pictures, and let it read the others.

    Args:
        pixels: float [n, 64], 0 (paper) to 1 (ink), as they are in the pictures of the predictions.
        targets: int [n], which digits they are.
        trained_on: how many.
    """
    from skl2onnx import to_onnx  # noqa: PLC0415 - only the demo needs it
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow to load, and only the demo needs it

    model: Any = LogisticRegression(max_iter=STEPS_MAX).fit(pixels[:trained_on], targets[:trained_on])
    # One tensor of probabilities instead of a list of dictionaries.
    made: Any = to_onnx(model, pixels[:1].astype("float32"), options={id(model): {"zipmap": False}}, target_opset=OPERATORS)
    return SecondReader(made.SerializeToString(), model.predict_proba(pixels[trained_on:]))
