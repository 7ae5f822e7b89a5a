"""Predictions of a real model on real scans: scikit-learn's handwritten digits.

A small neural network is trained on the first 297 of the 1,797 scans and reads the others. Every eighth scan is read together with the
one before it, as the regions of one picture, and every tenth picture is sent twice, as by somebody who got no answer. Who called, and
where a picture was taken, is drawn once with a fixed seed.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from processor.demo.png import png
from processor.demo.second_reader import train_second_reader
from processor.errors import FixUsage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from processor.demo.second_reader import SecondReader

LIBRARIES = ("sklearn", "skl2onnx", "onnxruntime")
MODEL = {"user_id": "lena", "app_id": "mail", "id": "digit-reader", "version_id": "v1"}
CALLERS = ("anna", "ben", "chen")
SITES = ("berlin", "nairobi", "oslo")
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TRAINED_ON = 297
PAIR_EVERY = 8
SENT_TWICE_EVERY = 10
SCALE = 4  # pixels of the picture a pixel of the scan
INK_MAX = 16  # the scans' darkest value
WHITE = 255
SEED = 1797
NO_METADATA_SHARE = 0.03
SMUDGED_SHARE = 0.2
FLASH_BELOW_MS = 10
FIRST_AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
LEFT_BOX = {"top_row": 0.0, "left_col": 0.0, "bottom_row": 1.0, "right_col": 0.5}
RIGHT_BOX = {"top_row": 0.0, "left_col": 0.5, "bottom_row": 1.0, "right_col": 1.0}


@dataclass(frozen=True)
class Reads:
    """What the model read.

    Attributes:
        scans: float [n, 8, 8], 0 (paper) to 16 (ink).
        probabilities: float [n, 10], how sure the model is of every digit.
        second: another model, and what it says of the same scans.
    """

    scans: np.ndarray
    probabilities: np.ndarray
    second: SecondReader

    def second_answers(self) -> Mapping[str, Mapping[str, float]]:
        """Input id of every single scan → what the second model says of it, value by concept id."""
        rows = self.second.probabilities.tolist()
        return {_input_id(i): {f"digit-{digit}": value for digit, value in enumerate(row)} for i, row in enumerate(rows) if not _is_pair(i)}

    @cached_property
    def _calls(self) -> list[dict[str, Any]]:
        """One prediction a scan, still without id and time."""
        random = np.random.default_rng(SEED)
        return [self._call(index, random) for index in range(len(self.scans))]

    def predictions(self, count: int) -> Iterator[dict[str, Any]]:
        """The stream, as NDJSON would have it; after the last scan it begins again under new ids.

        Args:
            count: how many.
        """
        return islice(self._endless(), count)

    def _endless(self) -> Iterator[dict[str, Any]]:
        position, round_ = 0, 1
        while self._calls:
            for index, call in enumerate(self._calls):
                twice = index % SENT_TWICE_EVERY == SENT_TWICE_EVERY - 1
                for again in ("", "-again") if twice else ("",):
                    when = FIRST_AT + timedelta(seconds=position)
                    yield {"id": f"read-{index:04d}-{round_}{again}", "predicted_at": when.isoformat().replace("+00:00", "Z"), **call}
                    position += 1
            round_ += 1

    def _call(self, index: int, random: np.random.Generator) -> dict[str, Any]:
        pair = _is_pair(index)
        picture = np.hstack([self.scans[index - 1], self.scans[index]]) if pair else self.scans[index]
        data = {"image": {"base64": base64.b64encode(png(_pixels(picture))).decode()}, **_metadata(random)}
        caller = CALLERS[random.integers(len(CALLERS))]
        output = self._regions(index) if pair else {"concepts": self._concepts(index)}
        return {"model": MODEL, "caller_user_id": caller, "input": {"id": _input_id(index), "data": data}, "output": {"data": output}}

    def _concepts(self, index: int) -> list[dict[str, Any]]:
        values = self.probabilities[index].tolist()
        return [{"id": f"digit-{digit}", "name": NAMES[digit], "value": value} for digit, value in enumerate(values)]

    def _regions(self, index: int) -> dict[str, Any]:
        places = (("left", LEFT_BOX, index - 1), ("right", RIGHT_BOX, index))
        return {
            "regions": [{"id": i, "region_info": {"bounding_box": box}, "data": {"concepts": self._concepts(n)}} for i, box, n in places]
        }


def require_libraries() -> None:
    """Look for what only the demo needs.

    Raises:
        FixUsage: some of it is not installed.
    """
    if missing := [name for name in LIBRARIES if find_spec(name) is None]:
        raise FixUsage(f"the demo's data and models want {', '.join(missing)}: install them with `pip install 'collectors[demo]'`")


def read_digits() -> Reads:
    """Train the models and let them read what they were not trained on."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - slow to load, and only the demo needs it
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415 - as above

    digits = load_digits()
    pixels = digits.data / INK_MAX
    model = MLPClassifier((32,), max_iter=1000, random_state=SEED).fit(pixels[:TRAINED_ON], digits.target[:TRAINED_ON])
    second = train_second_reader(1 - _grey(digits.data) / WHITE, digits.target, TRAINED_ON)
    return Reads(digits.images[TRAINED_ON:], model.predict_proba(pixels[TRAINED_ON:]), second)


def _is_pair(index: int) -> bool:
    return index % PAIR_EVERY == PAIR_EVERY - 1


def _input_id(index: int) -> str:
    return f"scan-{index:04d}"


def _grey(scan: np.ndarray) -> np.ndarray:
    """Dark ink on white paper, uint8."""
    return np.round(WHITE - scan * (WHITE / INK_MAX)).astype(np.uint8)


def _pixels(scan: np.ndarray) -> np.ndarray:
    """The same, enlarged."""
    return np.kron(_grey(scan), np.ones((SCALE, SCALE), np.uint8))


def _metadata(random: np.random.Generator) -> dict[str, Any]:
    """Where and how a picture was taken; a few come without."""
    site, exposure_ms, smudged = SITES[random.integers(len(SITES))], int(random.integers(4, 24)), bool(random.random() < SMUDGED_SHARE)
    camera = {"model": f"C{random.integers(1, 4)}", "exposure_ms": exposure_ms, "flash": exposure_ms < FLASH_BELOW_MS}
    known = {"site": site, "camera": camera, **({"smudge": "lens"} if smudged else {})}
    return {} if random.random() < NO_METADATA_SHARE else {"metadata": known}
