"""The locks: whole, hashed, of one mind with each other and with pyproject.toml; and what is made of them."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from cyclonedx.output.json import JsonV1Dot6
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from processor.kafka.jars import manifest
from scripts.supply.audit import verdict
from scripts.supply.locked import LOCKS, locked
from scripts.supply.sbom import bill
from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# lock -> the extra that it is of; the first has all of them.
EXTRAS = {"dev": "dev", "demo": "demo", "postgres": "postgres", "build": None}
EVERY_LOCK = sorted(path.stem for path in LOCKS.glob("*.txt"))
SHA256_HEX = 64


def asked_for(extra: str | None) -> Iterator[Requirement]:
    """What pyproject.toml asks for with an extra, those that it names in turn included."""
    if extra is None:
        yield from map(Requirement, PROJECT["build-system"]["requires"])
        return
    yield from map(Requirement, PROJECT["project"]["dependencies"])
    for each in map(Requirement, PROJECT["project"]["optional-dependencies"][extra]):
        if each.name == PROJECT["project"]["name"]:
            for other in each.extras:
                yield from asked_for(other)
        else:
            yield each


def test_there_is_a_lock_for_whatever_the_scripts_install() -> None:
    installed = {
        match
        for path in (ROOT / "scripts").iterdir()
        if path.is_file()
        for match in re.findall(r"^ensure_venv (\w+)", path.read_text(), re.MULTILINE)
    }
    assert sorted(EXTRAS) == EVERY_LOCK
    assert installed <= EXTRAS.keys()


@pytest.mark.parametrize("lock", EVERY_LOCK)
def test_every_entry_is_one_version_with_the_hashes_of_its_files(lock: str) -> None:
    entries = locked(lock)
    assert entries
    for entry in entries:
        assert entry.version
        assert entry.hashes, f"{entry.requirement} has no hash: run scripts/lock"
        assert all(kind == "sha256" and len(digest) == SHA256_HEX for kind, digest in entry.hashes)
        assert not entry.requirement.url


@pytest.mark.parametrize("lock", EVERY_LOCK)
def test_everything_that_pyproject_asks_for_is_locked_in_a_version_that_it_takes(lock: str) -> None:
    versions = {entry.name: entry.version for entry in locked(lock)}
    behind = [
        str(each)
        for each in asked_for(EXTRAS[lock])
        if not each.specifier.contains(versions.get(canonicalize_name(each.name), "0"), prereleases=True)
    ]
    assert not behind, f"locks/{lock}.txt is behind pyproject.toml: {behind}: run scripts/lock"


def test_what_the_locked_packages_need_themselves_is_locked_too() -> None:
    """Nothing is worked out when they are installed, so nothing may be missing."""
    names = {entry.name for entry in locked("dev")}
    missing = {f"{name} needs {need}" for name in names for need in _needs(name) if need not in names}
    assert not missing, f"{sorted(missing)}: run scripts/lock"


def _needs(name: str) -> Iterator[str]:
    try:
        found = [Requirement(each) for each in requires(name) or []]
    except PackageNotFoundError:  # of another platform
        return
    yield from (canonicalize_name(each.name) for each in found if each.marker is None or each.marker.evaluate({"extra": ""}))


@pytest.mark.parametrize("lock", [lock for lock in EVERY_LOCK if lock != "dev"])
def test_a_part_has_the_versions_and_hashes_of_the_whole(lock: str) -> None:
    whole = {entry.name: entry for entry in locked("dev")}
    assert [entry.name for entry in locked(lock) if whole[entry.name].hashes != entry.hashes] == []


def test_wheels_of_every_platform_are_among_the_hashes() -> None:
    """A package with native code has a file a platform and Python: dozens, where one machine's lock would have one."""
    (arrow,) = [entry for entry in locked("dev") if entry.name == "pyarrow"]
    assert len(arrow.hashes) > 20


def test_the_bill_has_every_locked_package_and_every_jar_with_its_checksums() -> None:
    made = orjson.loads(JsonV1Dot6(bill()).output_as_string())
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    by_purl = {each["purl"]: each for each in made["components"]}
    assert len(by_purl) == len(locked("dev")) + len(manifest())
    for entry in locked("dev"):
        (files,) = by_purl[f"pkg:pypi/{entry.name}@{entry.version}"]["externalReferences"]
        assert {each["content"] for each in files["hashes"]} == {digest for _, digest in entry.hashes}
    for jar in manifest():
        group, artifact, version = jar.coordinates.split(":")
        assert by_purl[f"pkg:maven/{group}/{artifact}@{version}"]["hashes"] == [{"alg": "SHA-256", "content": jar.sha256}]


def audited(**vulnerabilities: list[dict[str, Any]]) -> str:
    return orjson.dumps(
        {"dependencies": [{"name": name, "version": "1", "vulns": found} for name, found in vulnerabilities.items()]}
    ).decode()


def test_a_known_vulnerability_fails_the_check_and_says_what_mends_it() -> None:
    told, failed = verdict(audited(a=[], b=[{"id": "X-1", "fix_versions": ["2"]}]), "")
    assert failed
    assert told.splitlines() == ["b 1: X-1 (mended in 2)", "2 packages looked up, 1 with known vulnerabilities"]


@pytest.mark.parametrize("printed", ["", "no JSON", '{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', "{}"])
def test_a_service_that_cannot_be_asked_is_told_in_one_line_and_fails_nothing(printed: str) -> None:
    told, failed = verdict(printed, "Traceback\nconnection refused")
    assert not failed
    assert told.startswith("vulnerabilities were NOT looked for")
    assert len(told.splitlines()) == 1


def test_what_could_not_be_looked_up_is_counted() -> None:
    printed = orjson.loads(audited(a=[]))
    printed["dependencies"].append({"name": "b", "skip_reason": "unknown"})
    told, failed = verdict(orjson.dumps(printed).decode(), "")
    assert told == "1 packages looked up, 0 with known vulnerabilities, 1 could not be looked up"
    assert not failed
