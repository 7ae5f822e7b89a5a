"""The cache of jars is checked each time, and says what is wrong with its folder."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from processor.errors import FixMachine, FixUsage
from processor.kafka.jar_cache import ensure_jars, jar_folder, repository_url
from processor.settings import Settings
from tests.support.repository import Repository, pinned, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENTS = [b"first jar", b"second jar"]
JARS = [pinned("org.example:one:1", CONTENTS[0]), pinned("org.example:two:1", CONTENTS[1])]


@pytest.fixture
def repository() -> Iterator[Repository]:
    with serving() as repository:
        for jar, content in zip(JARS, CONTENTS, strict=True):
            repository.will_answer(jar, content)
        yield repository


def test_jars_are_fetched_once_and_then_taken_from_the_cache(repository: Repository, tmp_path: Path) -> None:
    settings = Settings(maven_url=repository.url, cache_dir=tmp_path)
    first, second = ensure_jars(settings, JARS), ensure_jars(settings, JARS)
    assert first == second == [tmp_path / "jars/one-1.jar", tmp_path / "jars/two-1.jar"]
    assert [path.read_bytes() for path in first] == CONTENTS
    assert repository.asked.total() == 2


@pytest.mark.parametrize("damage", [b"first jaR", b"first", b"", b"first jar and more"])
def test_a_jar_that_was_damaged_in_the_cache_is_fetched_again_and_only_that_one(
    repository: Repository, tmp_path: Path, damage: bytes
) -> None:
    settings = Settings(maven_url=repository.url, cache_dir=tmp_path)
    damaged, _ = ensure_jars(settings, JARS)
    damaged.write_bytes(damage)
    ensure_jars(settings, JARS)
    assert damaged.read_bytes() == CONTENTS[0]
    assert [repository.asked[jar.path] for jar in JARS] == [2, 1]


def test_a_cache_folder_that_the_settings_name_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(FixUsage, match=r"nowhere does not exist: make it, or correct cache_dir \(COLLECTORS_CACHE_DIR\)"):
        jar_folder(Settings(cache_dir=tmp_path / "nowhere"))


def test_a_file_where_the_cache_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "jars").touch()
    with pytest.raises(FixMachine, match=r"jars: .*set COLLECTORS_CACHE_DIR to another folder"):
        jar_folder(Settings(cache_dir=tmp_path))


def test_the_users_cache_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not/yet"))
    assert jar_folder(Settings()) == tmp_path / "not/yet/collectors/jars"
    assert jar_folder(Settings()).is_dir()


def test_without_xdg_the_cache_is_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert jar_folder(Settings()).is_relative_to(tmp_path)


def test_a_home_that_does_not_exist_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    with pytest.raises(FixMachine, match=r"no home folder .*set COLLECTORS_CACHE_DIR"):
        jar_folder(Settings())


def test_the_settings_mirror_goes_before_maven_central() -> None:
    assert repository_url(Settings(maven_url="http://mirror.example/maven2/")) == "http://mirror.example/maven2"


def test_without_the_local_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jgo.constants", None)
    with pytest.raises(FixUsage, match=r"pip install 'collectors\[local\]'"):
        repository_url(Settings())
