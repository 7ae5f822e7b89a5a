"""The broker's jars: pinned coordinates, downloaded once into the user's cache, never used without their SHA-256.

A file takes its name in the cache only when it is whole and right, so a download that is cut short leaves nothing that could be
mistaken for a jar; a file that was damaged later is fetched again.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from processor.errors import FixMachine, FixUsage
from processor.kafka.java import MISSING_EXTRA
from processor.kafka.machine import explain, require_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from processor.settings import Settings

KAFKA_VERSION = "4.3.1"
CHOOSE_CACHE = "set COLLECTORS_CACHE_DIR to another folder"
CHOOSE_MIRROR = "set COLLECTORS_MAVEN_URL to a mirror you can reach"
PARALLEL_DOWNLOADS = 6
ATTEMPTS = 4
TIMEOUT_S = 30.0
CHUNK_BYTES = 1 << 16
# What an answer of the repository says about asking again: these it may get over, the others it will not.
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned file.

    Attributes:
        coordinates: ``group:artifact:version``.
        bytes: its size.
        sha256: hex digest of the whole file.
        part: ``broker``, or ``connect`` for what only Kafka Connect needs besides.
    """

    coordinates: str
    bytes: int
    sha256: str
    part: str

    @property
    def name(self) -> str:
        """The file's name, ``artifact-version.jar``."""
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"

    @property
    def path(self) -> str:
        """Where a Maven repository keeps it, relative to the repository."""
        group, artifact, version = self.coordinates.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.name}"


class Progress:
    """What a download reports; this one tells nobody."""

    def begin(self, jars: int, total_bytes: int) -> None:
        """So many jars with so many bytes are about to be fetched."""

    def fetched(self, count: int) -> None:
        """So many further bytes arrived; negative when a file has to be fetched again."""

    def finished(self, jar: Jar) -> None:
        """One jar is whole, right and in the cache."""

    def note(self, text: str) -> None:
        """Something people want to know."""


def manifest(*parts: str) -> tuple[Jar, ...]:
    """The pinned jars of the named parts; of all parts when none is named."""
    values = orjson.loads((files("processor.kafka") / "jars.json").read_bytes())
    jars = (Jar(**value) for value in values["jars"])
    return tuple(jar for jar in jars if not parts or jar.part in parts)


def jar_folder(settings: Settings) -> Path:
    """Where downloaded jars are kept.

    Raises:
        FixMachine: the folder is missing and was named by the settings, or cannot be made.
    """
    if settings.cache_dir is not None and not settings.cache_dir.is_dir():
        raise FixMachine(f"the cache folder {settings.cache_dir} does not exist: make it, or correct cache_dir (COLLECTORS_CACHE_DIR)")
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
        FixUsage: something has to be fetched and the ``local`` extra is not installed.
    """
    wanted, folder, told = tuple(jars), jar_folder(settings), progress or Progress()
    missing = [jar for jar in wanted if not _in_cache(folder / jar.name, jar, told)]
    if missing:
        _fetch_all(settings, folder, missing, told)
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


def _fetch_all(settings: Settings, folder: Path, jars: list[Jar], progress: Progress) -> None:
    total = sum(jar.bytes for jar in jars)
    require_space(folder, total, CHOOSE_CACHE)
    progress.begin(len(jars), total)
    fetch = partial(_fetch, repository=repository_url(settings), folder=folder, progress=progress)
    with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
        # Large ones first, so that the last to end is not one that was begun last.
        running = [pool.submit(fetch, jar) for jar in sorted(jars, key=lambda jar: -jar.bytes)]
        try:
            for task in running:
                task.result()
        except BaseException:
            # One that fails would fail again for every other jar.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


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


def _fetch(jar: Jar, *, repository: str, folder: Path, progress: Progress, pause: Callable[[float], None] = time.sleep) -> None:
    url = f"{repository}/{jar.path}"
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _fetch_once(jar, url, folder, progress)
        except _PassingError as error:
            if attempt == ATTEMPTS:
                raise FixMachine(f"{url}: {error} ({ATTEMPTS} attempts): try again later, or {CHOOSE_MIRROR}") from error
            progress.note(f"{jar.name}: {error}: trying again")
            pause(2.0 ** (attempt - 2))
        else:
            progress.finished(jar)
            return


class _PassingError(Exception):
    """A download failed in a way that another attempt may get over."""


def _fetch_once(jar: Jar, url: str, folder: Path, progress: Progress) -> None:
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{jar.name}.", suffix=".part", dir=folder)
    except OSError as error:
        raise explain(error, folder, CHOOSE_CACHE) from error
    part = Path(name)
    try:
        _download(jar, url, descriptor, progress)
        part.replace(folder / jar.name)
    except OSError as error:
        raise explain(error, part, CHOOSE_CACHE) from error
    finally:
        part.unlink(missing_ok=True)


def _download(jar: Jar, url: str, descriptor: int, progress: Progress) -> None:
    digest, received = hashlib.sha256(), 0
    with os.fdopen(descriptor, "wb") as file:
        try:
            for chunk in _chunks(url, limit_bytes=jar.bytes):
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                progress.fetched(len(chunk))
            _require_digest(jar, received, digest.hexdigest())
        except BaseException:
            progress.fetched(-received)
            raise


def _require_digest(jar: Jar, received: int, digest: str) -> None:
    if digest == jar.sha256:
        return
    if received < jar.bytes:
        raise _PassingError(f"only {received} of {jar.bytes} bytes came")
    raise _PassingError(f"refused: its SHA-256 is {digest}, pinned is {jar.sha256}")


def _chunks(url: str, limit_bytes: int) -> Iterator[bytes]:
    """The body of an answer; at most one byte more than expected, which is enough to see that it is too long."""
    left = limit_bytes + 1
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "collectors"})  # noqa: S310 - the repository is the settings' choice, a file: URL included
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=_trust(url)) as answer:  # noqa: S310 - as above
            while left > 0 and (chunk := answer.read(min(CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk
    except urllib.error.HTTPError as error:
        with error:
            raise _answered(url, error) from error
    except ValueError as error:
        raise FixUsage(f"{url}: {error}: correct maven_url (COLLECTORS_MAVEN_URL)") from error
    except (OSError, http.client.HTTPException) as error:
        raise _PassingError(f"not reachable: {getattr(error, 'reason', '') or str(error) or type(error).__name__}") from error


def _answered(url: str, error: urllib.error.HTTPError) -> Exception:
    answer = f"the repository answers {error.code} {error.reason}"
    return _PassingError(answer) if error.code in PASSING_STATUS else FixMachine(f"{url}: {answer}: {CHOOSE_MIRROR}")


def _trust(url: str) -> ssl.SSLContext | None:
    """The system's certificate authorities, which know a company's proxy, and certifi's, for Pythons that come without any."""
    if not url.startswith("https:"):
        return None
    context = ssl.create_default_context()
    with suppress(ImportError):
        import certifi  # noqa: PLC0415 - optional: it comes with other packages

        context.load_verify_locations(certifi.where())
    return context
