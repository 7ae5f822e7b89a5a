"""The user's cache of jars: every one is checked against its SHA-256 each time before it is used, and a damaged one is fetched again."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from processor.errors import FixMachine, FixUsage
from processor.kafka.download import CHOOSE_CACHE, Progress, fetch
from processor.kafka.java import MISSING_EXTRA
from processor.kafka.machine import explain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processor.kafka.jars import Jar
    from processor.settings import Settings


def jar_folder(settings: Settings) -> Path:
    """Where downloaded jars are kept.

    Raises:
        FixUsage: the settings name a folder that does not exist.
        FixMachine: it cannot be made.
    """
    if settings.cache_dir is not None and not settings.cache_dir.is_dir():
        raise FixUsage(f"the cache folder {settings.cache_dir} does not exist: make it, or correct cache_dir (COLLECTORS_CACHE_DIR)")
    folder = (settings.cache_dir or _user_cache()) / "jars"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(error, folder, CHOOSE_CACHE) from error
    return folder


def _user_cache() -> Path:
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    if Path(chosen).is_absolute():
        return Path(chosen) / "collectors"
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home raises where there is none; here that is answered below
    if not home.is_dir():
        raise FixMachine(f"there is no home folder ({home}) to keep downloads in: set COLLECTORS_CACHE_DIR to a folder you can write to")
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "collectors"


def ensure_jars(settings: Settings, jars: Iterable[Jar], progress: Progress | None = None) -> list[Path]:
    """Have every jar in the cache, whole and right.

    Returns:
        Their paths, in the order given.

    Raises:
        FixMachine: the cache cannot be written, the disk is full, or a jar cannot be fetched.
        FixUsage: something has to be fetched and the ``local`` extra is not installed; or the settings name a cache folder that does
            not exist, or a repository by something that is no URL.
    """
    wanted, folder, told = tuple(jars), jar_folder(settings), progress or Progress()
    missing = [jar for jar in wanted if not _in_cache(folder / jar.name, jar, told)]
    if missing:
        fetch(missing, repository_url(settings), folder, told)
    return [folder / jar.name for jar in wanted]


def _in_cache(path: Path, jar: Jar, progress: Progress) -> bool:
    if not path.is_file():
        return False
    try:
        right = path.stat().st_size == jar.bytes and _digest(path) == jar.sha256
    except OSError as error:
        raise explain(error, path, CHOOSE_CACHE) from error
    if not right:
        progress.note(f"{path} is damaged (its SHA-256 is not the pinned one): fetching it again")
    return right


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def repository_url(settings: Settings) -> str:
    """The Maven repository to fetch from: the setting, else Maven Central.

    Raises:
        FixUsage: nothing is set, and the ``local`` extra, which knows the address, is not installed.
    """
    if settings.maven_url:
        return settings.maven_url.rstrip("/")
    try:
        from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415 - an optional dependency, slow to import
    except ImportError:
        raise FixUsage(f"what knows where Maven Central is (jgo) {MISSING_EXTRA}") from None
    return str(MAVEN_CENTRAL_URL).rstrip("/")
