"""What is fetched is whole and right, or it is not kept."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from processor.errors import FixMachine, FixUsage
from processor.kafka.download import Progress, fetch
from tests.support.repository import Repository, pinned, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from processor.kafka.jars import Jar

CONTENT = b"bytes of a jar" * 10_000
JAR = pinned("org.example:one:1.0", CONTENT)
QUICKLY = (0.0, 0.0, 0.0)


@pytest.fixture
def repository() -> Iterator[Repository]:
    with serving() as repository:
        yield repository


class Heard(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.bytes = 0
        self.jars: list[str] = []
        self.notes: list[str] = []

    def fetched(self, count: int) -> None:
        self.bytes += count

    def finished(self, jar: Jar) -> None:
        self.jars.append(jar.name)

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_jar_is_kept_under_its_name(repository: Repository, tmp_path: Path) -> None:
    repository.will_answer(JAR, CONTENT)
    fetch([JAR], repository.url, tmp_path, Progress(), QUICKLY)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one-1.0.jar": CONTENT}


def test_many_jars_come_at_once_and_each_is_reported(repository: Repository, tmp_path: Path) -> None:
    contents = {f"jar-{number}": bytes([number]) * 1000 for number in range(30)}
    jars = [pinned(f"org.example:{name}:1", content) for name, content in contents.items()]
    for jar, content in zip(jars, contents.values(), strict=True):
        repository.will_answer(jar, content)
    heard = Heard()
    fetch(jars, repository.url, tmp_path, heard, QUICKLY)
    assert sorted(heard.jars) == sorted(jar.name for jar in jars)
    assert heard.bytes == 30_000


@pytest.mark.parametrize(
    "wrong",
    [CONTENT[:-1] + b"!", CONTENT[:-1], CONTENT + b"!", b"", b"<html>Please log in to the network</html>"],
    ids=["another byte", "a byte short", "a byte long", "empty", "a login page"],
)
def test_a_wrong_file_is_refused_and_fetched_again(repository: Repository, tmp_path: Path, wrong: bytes) -> None:
    repository.will_answer(JAR, wrong, CONTENT)
    heard = Heard()
    fetch([JAR], repository.url, tmp_path, heard, QUICKLY)
    assert (tmp_path / JAR.name).read_bytes() == CONTENT
    assert repository.asked[JAR.path] == 2
    assert len(heard.notes) == 1
    assert heard.bytes == len(CONTENT), "bytes that were refused do not count as progress"


def test_a_file_that_stays_wrong_is_never_kept_and_the_error_names_both_digests(repository: Repository, tmp_path: Path) -> None:
    repository.will_answer(JAR, b"x" * len(CONTENT))
    with pytest.raises(
        FixMachine, match=rf"one-1.0.jar is refused: its SHA-256 is [0-9a-f]{{64}}, pinned is {JAR.sha256}.*COLLECTORS_MAVEN_URL"
    ):
        fetch([JAR], repository.url, tmp_path, Progress(), QUICKLY)
    assert list(tmp_path.iterdir()) == []
    assert repository.asked[JAR.path] == 4


def test_a_connection_that_breaks_is_tried_again(repository: Repository, tmp_path: Path) -> None:
    repository.will_answer(JAR, CONTENT[:1000], promised_bytes=len(CONTENT))
    repository.will_answer(JAR, CONTENT)
    fetch([JAR], repository.url, tmp_path, Progress(), QUICKLY)
    assert (tmp_path / JAR.name).read_bytes() == CONTENT


def test_a_repository_that_is_busy_is_asked_again(repository: Repository, tmp_path: Path) -> None:
    repository.will_answer(JAR, status=503)
    repository.will_answer(JAR, CONTENT)
    heard = Heard()
    fetch([JAR], repository.url, tmp_path, heard, QUICKLY)
    assert heard.notes == ["the repository answers 503 Service Unavailable: trying again"]


def test_a_repository_that_has_no_such_jar_is_asked_once(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(FixMachine, match=r"one-1\.0\.jar: the repository answers 404 Not Found: set COLLECTORS_MAVEN_URL"):
        fetch([JAR], repository.url, tmp_path, Progress(), QUICKLY)
    assert repository.asked[JAR.path] == 1


def test_without_a_network_the_error_says_what_to_do_and_the_trouble_is_told_once(tmp_path: Path) -> None:
    with serving() as gone:
        url = gone.url
    jars = [pinned(f"org.example:jar-{number}:1", b"x") for number in range(30)]
    heard = Heard()
    with pytest.raises(FixMachine, match=r"not reachable: .*refused \(4 attempts\): see to the network"):
        fetch(jars, url, tmp_path, heard, QUICKLY)
    assert len(heard.notes) == 1


def test_what_is_no_url_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(FixUsage, match="COLLECTORS_MAVEN_URL"):
        fetch([JAR], "repository", tmp_path, Progress(), QUICKLY)


def test_a_mirror_may_be_a_folder(tmp_path: Path) -> None:
    mirror, cache = tmp_path / "mirror", tmp_path / "cache"
    (mirror / JAR.path).parent.mkdir(parents=True)
    (mirror / JAR.path).write_bytes(CONTENT)
    cache.mkdir()
    fetch([JAR], mirror.as_uri(), cache, Progress(), QUICKLY)
    assert (cache / JAR.name).read_bytes() == CONTENT


def test_a_disk_without_room_is_refused_before_anything_is_asked(repository: Repository, tmp_path: Path) -> None:
    huge = pinned("org.example:huge:1", b"")
    object.__setattr__(huge, "bytes", 1 << 60)
    with pytest.raises(FixMachine, match=r"the disk is full: \d+ MiB are needed and \d+ MiB are free: .*COLLECTORS_CACHE_DIR"):
        fetch([huge], repository.url, tmp_path, Progress(), QUICKLY)
    assert not repository.asked


def test_parts_of_a_process_that_was_killed_are_swept_and_those_of_a_living_one_stay(repository: Repository, tmp_path: Path) -> None:
    repository.will_answer(JAR, CONTENT)
    old, young = tmp_path / ".old.jar.x.part", tmp_path / ".young.jar.y.part"
    old.touch()
    young.touch()
    a_day_ago = time.time() - 86_400
    os.utime(old, (a_day_ago, a_day_ago))
    fetch([JAR], repository.url, tmp_path, Progress(), QUICKLY)
    assert (old.exists(), young.exists()) == (False, True)
