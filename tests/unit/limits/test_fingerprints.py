"""What two inputs are compared by: the same where people would say the same, and nothing where there is nothing."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from processor.limits.fingerprints import fingerprint, normalised_text, normalised_url
from processor.limits.rules import Duplicates, Sameness
from processor.limits.seen import Fingerprint, Seen
from tests.support.predictions import input_of, prediction

ALL = frozenset(Sameness)
RULE = Duplicates(ALL, 100, 3600)
WORDS = "the quick brown fox jumps over the lazy dog while seven wizards hex a box of jugs and nobody minds at all today"


def of(**data: object) -> Fingerprint:
    return fingerprint(prediction(input=input_of(**data)), ALL)


def picture(seed: int, noise: float = 0.0, size: int = 64) -> dict[str, str | None]:
    """A PNG of smooth shapes; the same seed with noise is the same picture to the eye."""
    rng = np.random.default_rng(seed)

    def wave() -> np.ndarray:
        down, across = (np.linspace(0, rng.uniform(2, 9), size) for _ in range(2))
        return rng.normal() * np.outer(np.sin(down), np.cos(across))

    waves = np.sum([wave() for _ in range(6)], axis=0)
    grey = (waves - waves.min()) / (waves.max() - waves.min()) * 255 + np.random.default_rng(seed + 1).normal(0, noise, (size, size))
    out = io.BytesIO()
    Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(out, "PNG")
    return {"url": None, "base64": base64.b64encode(out.getvalue()).decode()}


def alike(first: Fingerprint, second: Fingerprint, *by: Sameness) -> bool:
    seen, rule = Seen(), Duplicates(frozenset(by), 100, 3600)
    seen.remember(rule, first, 0)
    return seen.holds(rule, second, 0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("HTTP://Example.com:80/a#part", "http://example.com/a", True),
        ("https://example.com", "https://example.com:443/", True),
        ("http://example.com/a", "http://example.com/A", False),
        ("http://example.com/a?b", "http://example.com/a", False),
        ("http://[", "http://[", True),
    ],
)
def test_urls_are_compared_as_the_standard_says(one: str, other: str, same: bool) -> None:
    assert (normalised_url(one) == normalised_url(other)) == same
    assert alike(of(image={"url": one, "base64": None}), of(image={"url": other, "base64": None}), Sameness.CONTENT) == same


def test_texts_are_compared_without_case_and_blanks() -> None:
    assert normalised_text(" A  b\n") == "a b"
    assert alike(of(text={"raw": "A b", "url": None}), of(text={"raw": "a  B", "url": None}), Sameness.CONTENT)
    assert not alike(of(text={"raw": "a b", "url": None}), of(text={"raw": "a c", "url": None}), Sameness.CONTENT)


def test_nearly_the_same_image_is_a_duplicate_and_another_is_not() -> None:
    first = of(image=picture(1))
    assert alike(first, of(image=picture(1, noise=3.0)), Sameness.IMAGE)
    assert not alike(first, of(image=picture(2)), Sameness.IMAGE)
    assert not alike(first, of(image=picture(1, noise=3.0)), Sameness.CONTENT), "its bytes differ"


def test_nearly_the_same_text_is_a_duplicate_and_another_is_not() -> None:
    first = of(text={"raw": WORDS, "url": None})
    assert alike(first, of(text={"raw": WORDS.replace("today", "tonight"), "url": None}), Sameness.TEXT)
    assert not alike(
        first, of(text={"raw": "something else entirely, that shares not one run of three words with it", "url": None}), Sameness.TEXT
    )


def test_what_an_input_does_not_have_is_like_nothing() -> None:
    nothing = fingerprint(prediction(input={"id": "", "data": input_of()["data"]}), ALL)
    assert (nothing.input_id, nothing.content, nothing.image, nothing.text) == (0, 0, 0, None)
    assert not alike(nothing, nothing, *ALL)
    broken = of(image={"url": None, "base64": "bm8gaW1hZ2U="})
    assert (broken.image, broken.content != 0) == (0, True)
    assert of(image={"url": None, "base64": "?"}).image == 0


@pytest.mark.parametrize(("kind", "is_opened"), [("PNG", True), ("EPS", False), ("PPM", False), ("TGA", False)])
def test_only_formats_that_are_asked_for_are_opened(kind: str, is_opened: bool) -> None:
    """One of the others starts another program, and every decoder more is one that a hostile file can break."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(file, kind)
    found = of(image={"url": None, "base64": base64.b64encode(file.getvalue()).decode()})
    assert (found.image != 0) is is_opened
