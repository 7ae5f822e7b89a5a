"""A model's endpoint says its runtime and its place, or why it does not."""

from __future__ import annotations

import pytest

from processor.models.endpoint import Endpoint, Onnx, OpenInference, PostModelOutputs, parse_endpoint

SHA = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("open-inference+https://m.example/v2/models/digits", OpenInference("https://m.example/v2/models/digits")),
        ("open-inference+http://m:8080/v2/models/d/versions/3", OpenInference("http://m:8080/v2/models/d/versions/3")),
        ("open-inference+https://m.example/ns/a/v2/models/d.1", OpenInference("https://m.example/ns/a/v2/models/d.1")),
        (
            "post-model-outputs+https://api.example/v2/users/u/apps/a/models/m/outputs",
            PostModelOutputs("https://api.example/v2/users/u/apps/a/models/m/outputs"),
        ),
        (
            "post-model-outputs+https://api.example/v2/users/u/apps/a/models/m/versions/v/outputs",
            PostModelOutputs("https://api.example/v2/users/u/apps/a/models/m/versions/v/outputs"),
        ),
        (f"onnx:digits.onnx#sha256={SHA}", Onnx("digits.onnx", SHA)),
        (f"onnx:acme/digits v2.onnx#sha256={SHA}", Onnx("acme/digits v2.onnx", SHA)),
    ],
)
def test_an_endpoint_is_read(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "how the model is called"),
        ("https://m.example/v2/models/digits", "how the model is called"),
        ("triton+https://m.example/v2/models/digits", "how the model is called"),
        ("OPEN-INFERENCE+https://m.example/v2/models/digits", "how the model is called"),
        ("open-inference+m.example/v2/models/digits", "http://"),
        ("open-inference+file:///v2/models/digits", "http://"),
        ("open-inference+https://m.example/v2/models/digits/infer", "without /infer"),
        ("open-inference+https://m.example/v2/models/", "path of a model"),
        ("open-inference+https://m.example/v2/models/d?token=x", "no query"),
        ("open-inference+https://m.example/v2/models/d#x", "no query"),
        ("open-inference+https://u:p@m.example/v2/models/d", "password"),
        ("post-model-outputs+https://m.example/v2/models/m/outputs", "path of a model"),
        ("post-model-outputs+https://m.example/v2/users/u/apps/a/models/m", "path of a model"),
        ("onnx:digits.onnx", "SHA-256"),
        ("onnx:digits.onnx#md5=abc", "SHA-256"),
        (f"onnx:digits.onnx#sha256={SHA.upper()}", "SHA-256"),
        (f"onnx:digits.onnx#sha256={SHA}0", "SHA-256"),
        (f"onnx:digits.pkl#sha256={SHA}", "models folder"),
        (f"onnx:/etc/digits.onnx#sha256={SHA}", "models folder"),
        (f"onnx:../digits.onnx#sha256={SHA}", "models folder"),
        (f"onnx:a/../../digits.onnx#sha256={SHA}", "models folder"),
        (f"onnx:..\\digits.onnx#sha256={SHA}", "models folder"),
        (f"onnx:a\x00.onnx#sha256={SHA}", "models folder"),
    ],
)
def test_what_is_no_endpoint_is_told_what_one_is(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_endpoint(text)
