"""The boundary where destinations answer the sink: the plugin's own classes, in a JVM of their own, behind a pipe."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import struct
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from processor.connect.plugin import COMPILER_CLASS, OPTIONS, PROJECT
from processor.files import find_file
from processor.kafka.jar_cache import ensure_jars
from processor.kafka.jars import manifest
from processor.kafka.java import bundled_java, java_command, java_environment
from processor.settings import Settings
from tests.fuzz.machine import Boundary

HERE = Path(__file__).parent / "java"
MAIN = "collectors.connect.Answers"
# All that reading an answer and judging it needs; the rest of the plugin needs Kafka Connect.
SOURCES = ("Answer", "JsonReader", "Judge", "Status", "Verdict")
BRACKETS_MAX = 900  # the sink reads a thousand levels, Python no more than its stack has room for
INT_MAX = 2**31


@cache
def jvm() -> subprocess.Popen[bytes]:
    """The classes, compiled, and running for as long as this process does."""
    compiler, java = ensure_jars(Settings(), manifest("compiler")), bundled_java()
    classes = Path(tempfile.mkdtemp(prefix="fuzz-sink-"))
    atexit.register(shutil.rmtree, classes, ignore_errors=True)
    package = find_file(f"{PROJECT}/pom.xml").parent / "src/main/java/collectors/connect"
    sources = [str(package / f"{name}.java") for name in SOURCES] + [str(HERE / "Answers.java")]
    command = java_command(java, compiler, COMPILER_CLASS, *OPTIONS, "-d", str(classes), *sources)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=java_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    running = subprocess.Popen(java_command(java, [classes], MAIN), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=java_environment())
    atexit.register(running.kill)
    return running


def asked(cases: list[bytes]) -> list[str]:
    """What the sink makes of each."""
    there = jvm()
    assert there.stdin is not None
    assert there.stdout is not None
    there.stdin.write(struct.pack(">i", len(cases)) + b"".join(struct.pack(">i", len(case)) + case for case in cases))
    there.stdin.flush()
    return [there.stdout.readline().decode().rstrip(os.linesep) for _ in cases]


SAID: list[Any] = [
    {
        "status": {"code": 10010, "description": "Mixed", "details": "s3cr3t"},
        "inputs": [
            {"id": "a", "status": {"code": 30000, "description": "Ok"}, "data": {"image": {"url": "https://example.com/1.jpg"}}},
            {
                "id": "b",
                "status": {"code": 30100, "description": "Duplicate", "details": "é\n"},
                "data": {"metadata": {"n": [1, -2.5e3, None]}},
            },
        ],
    },
    {"status": {"code": 10000, "description": "Ok"}},
    {"status": {"code": 11005, "description": "Throttled"}, "inputs": []},
    {"status": {"code": 98004, "description": "Internal", "details": ""}, "inputs": [{"id": "b"}, {"id": "a"}, {"id": "c"}]},
]
HEADERS = [b"", b"5", b"999999999", b"Wed, 21 Oct 2026 07:28:00 GMT"]
PAGE = b"<html><body>502 s3cr3t</body></html>"


def seeds() -> list[bytes]:
    texts = [json.dumps(each, ensure_ascii=False).encode() for each in SAID] + [PAGE]
    return [
        bytes([status]) + HEADERS[(status + number) % len(HEADERS)] + b"\n" + text
        for status in range(8)
        for number, text in enumerate(texts)
    ]


def _after_the_header(case: bytes) -> int:
    return case.find(b"\n", 1) + 1


def check(cases: list[bytes]) -> list[str]:
    """Everything has an outcome, which tells no secret; what Python reads as an object, the sink does, with the same code."""
    outcomes = []
    for case, told in zip(cases, asked(cases), strict=True):
        assert told, "the JVM is gone"
        assert not told.startswith("FOUND"), told
        code, is_object, outcome = told.split(" ", 2)
        _same_as_python(_body(case), int(code), is_object == "1")
        outcomes.append(outcome)
    return outcomes


def _body(case: bytes) -> bytes:
    end = case.find(b"\n", 1)
    return case[end + 1 :] if end > 0 else b""


def _same_as_python(body: bytes, code: int, is_object: bool) -> None:
    twice: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        twice.extend(["twice"] * (len(found) < len(pairs)))
        return found

    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    if body.count(b"[") + body.count(b"{") > BRACKETS_MAX:
        return
    assert is_object == isinstance(value, dict)
    said = json.loads(body, object_pairs_hook=members).get("status") if is_object else None
    if not twice:
        wanted = said.get("code") if isinstance(said, dict) else 0
        is_code = isinstance(wanted, int) and not isinstance(wanted, bool) and -INT_MAX <= wanted < INT_MAX
        assert code == (wanted if is_code else 0)


SINK_BOUNDARIES = [Boundary("sink", seeds, check, at_once=256, json_at=_after_the_header)]
