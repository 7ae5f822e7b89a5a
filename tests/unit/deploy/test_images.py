"""The images: pinned, not root, made of files that are there, and as the stack that runs without containers."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from processor.connect.worker_properties import Place, worker_properties
from processor.kafka.jars import KAFKA_VERSION
from tests.docs.pages import ROOT

DOCKERFILES = sorted((ROOT / "deploy").rglob("Dockerfile"))
SECRETS = "/var/lib/collectors/.collectors/secrets"
# What a worker beside a local broker has and one in a container has not: where it is, and a second way to secrets.
LOCAL_ONLY = {"config.providers.file.class", "config.providers.file.param.allowed.paths"}


def instructions(path: Path) -> list[tuple[str, str]]:
    """(word, arguments) of a Dockerfile, continuation lines joined."""
    text = re.sub(r"\\\n\s*", "", path.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def properties(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("path", DOCKERFILES, ids=of)
def test_an_image_starts_from_a_pinned_version_and_does_not_run_as_root(path: Path) -> None:
    found = instructions(path)
    stages = {rest.split(" AS ")[1] for word, rest in found if word == "FROM" and " AS " in rest}
    bases = {rest.split(" AS ")[0] for word, rest in found if word == "FROM"} - stages
    assert bases
    assert all(re.fullmatch(r"[a-z/-]+:\d+\.\d+\.\d+[\w.-]*", base) for base in bases), bases
    assert [rest for word, rest in found if word == "USER"][-1] == "1000:1000"
    assert not [word for word, _ in found if word == "ADD"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=of)
def test_an_image_is_made_of_files_that_are_there_and_that_the_build_sees(path: Path) -> None:
    seen = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")}
    for word, rest in instructions(path):
        if word == "COPY" and "--from=" not in rest:
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source.split("/")[0] in seen, source


def test_the_build_sees_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert not [name for name in (".git", ".env", ".venv", ".collectors", "tests") if f"!{name}" in ignored]
    assert any(fnmatch("processor/__pycache__", pattern) for pattern in ignored)


def test_the_image_takes_nothing_whose_hash_is_not_locked() -> None:
    runs = [rest for word, rest in instructions(ROOT / "deploy/processor/Dockerfile") if word == "RUN" and "pip" in rest]
    installs = [part for run in runs for part in run.split("&&") if " install " in part or " wheel " in part]
    assert len(installs) == 4
    for part in installs:
        assert "--no-deps" in part
        assert any(way in part for way in ("--require-hashes", "--no-index", "--no-build-isolation")), part


def test_the_python_of_the_image_is_one_that_the_package_takes() -> None:
    (base,) = {rest.split(" AS ")[0] for word, rest in instructions(ROOT / "deploy/processor/Dockerfile") if word == "FROM"}
    match = re.fullmatch(r"python:(\d+)\.(\d+)\.\d+-slim-bookworm", base)
    assert match is not None
    assert (int(match[1]), int(match[2])) >= (3, 11)


def test_the_worker_is_the_kafka_that_everything_is_tried_with() -> None:
    bases = [rest for word, rest in instructions(ROOT / "deploy/connect/Dockerfile") if word == "FROM"]
    assert f"apache/kafka:{KAFKA_VERSION} AS kafka" in bases


def test_the_worker_of_the_image_is_set_up_as_the_local_one() -> None:
    given = properties(ROOT / "deploy/connect/worker.properties")
    place = Place("kafka:19092", "", "http://0.0.0.0:8083", Path("/opt/collectors/plugins"), Path(SECRETS))
    local = {name: value for name, value in worker_properties(place, {}).items() if name not in LOCAL_ONLY}
    assert given == local | {"config.providers": "directory"}


def test_both_images_have_the_secret_store_at_the_same_place_for_its_owner_only() -> None:
    for path in DOCKERFILES:
        (made,) = [rest for word, rest in instructions(path) if word == "RUN" and SECRETS in rest]
        assert re.search(rf"0700 {SECRETS}$", made), of(path)
