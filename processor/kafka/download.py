"""Fetching jars from a Maven repository, several at once.

A file takes its name in the cache only when it is whole and has the pinned SHA-256, so a download that is cut short leaves nothing that
could be mistaken for a jar.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import tempfile
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from processor.errors import FixMachine, FixUsage
from processor.kafka.machine import explain, require_space

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processor.kafka.jars import Jar

CHOOSE_CACHE = "set COLLECTORS_CACHE_DIR to another folder"
CHOOSE_MIRROR = "set COLLECTORS_MAVEN_URL to a mirror"
PARALLEL_DOWNLOADS = 6
# Waits between attempts; one attempt more than waits.
WAITS_S = (0.5, 1.0, 2.0)
TIMEOUT_S = 15.0
CHUNK_BYTES = 1 << 16
# Parts older than this were left by a process that was killed.
ABANDONED_S = 3600.0
# What a repository may get over; whatever else it answers it would answer again.
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


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


class _PassingError(Exception):
    """A download failed in a way that another attempt may get over."""


def fetch(jars: Sequence[Jar], repository: str, folder: Path, progress: Progress, waits_s: Sequence[float] = WAITS_S) -> None:
    """Fetch jars into a folder.

    Args:
        jars: what to fetch.
        repository: the URL of a Maven repository.
        folder: where the files go; it exists.
        progress: told what happens.
        waits_s: how long to wait after each failed attempt but the last.

    Raises:
        FixMachine: the folder cannot be written, the disk is full, or a jar is not to be had.
        FixUsage: ``repository`` is no URL.
    """
    total = sum(jar.bytes for jar in jars)
    _sweep(folder)
    require_space(folder, total, CHOOSE_CACHE)
    progress.begin(len(jars), total)
    download = _Download(repository, folder, progress, tuple(waits_s))
    with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
        # Large ones first, so that the last to end is not one that was begun last.
        running = [pool.submit(download.one, jar) for jar in sorted(jars, key=lambda jar: -jar.bytes)]
        try:
            for task in running:
                task.result()
        finally:
            # What fails for one jar fails for the others.
            download.over.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _sweep(folder: Path) -> None:
    oldest = time.time() - ABANDONED_S
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            if part.stat().st_mtime < oldest:
                part.unlink()


@dataclass(frozen=True)
class _Download:
    """What the threads that download have in common."""

    repository: str
    folder: Path
    progress: Progress
    waits_s: tuple[float, ...]
    over: threading.Event = field(default_factory=threading.Event)
    noted: set[str] = field(default_factory=set)

    def one(self, jar: Jar) -> None:
        """Fetch one jar, in several attempts if need be."""
        url = f"{self.repository}/{jar.path}"
        for wait_s in (*self.waits_s, None):
            try:
                self._attempt(jar, url)
            except _PassingError as error:
                if wait_s is None:
                    text = f"{url}: {error} ({len(self.waits_s) + 1} attempts): see to the network or try again later, or {CHOOSE_MIRROR}"
                    raise FixMachine(text) from error
                if self.over.is_set():
                    return
                self._note(f"{error}: trying again")
                self.over.wait(wait_s)
            else:
                self.progress.finished(jar)
                return

    def _note(self, text: str) -> None:
        """Say it once: six threads meet the same trouble."""
        if text not in self.noted:
            self.noted.add(text)
            self.progress.note(text)

    def _attempt(self, jar: Jar, url: str) -> None:
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{jar.name}.", suffix=".part", dir=self.folder)
        except OSError as error:
            raise explain(error, self.folder, CHOOSE_CACHE) from error
        part = Path(name)
        try:
            self._receive(jar, url, descriptor)
            part.replace(self.folder / jar.name)
        except OSError as error:
            raise explain(error, self.folder / jar.name, CHOOSE_CACHE) from error
        finally:
            part.unlink(missing_ok=True)

    def _receive(self, jar: Jar, url: str, descriptor: int) -> None:
        digest, received = hashlib.sha256(), 0
        with os.fdopen(descriptor, "wb") as file:
            try:
                for chunk in _chunks(url, limit_bytes=jar.bytes):
                    self._require_use()
                    file.write(chunk)
                    digest.update(chunk)
                    received += len(chunk)
                    self.progress.fetched(len(chunk))
                _require_digest(jar, received, digest.hexdigest())
            except BaseException:
                self.progress.fetched(-received)
                raise

    def _require_use(self) -> None:
        if self.over.is_set():
            raise _PassingError("another jar could not be fetched")


def _require_digest(jar: Jar, received: int, digest: str) -> None:
    if digest == jar.sha256:
        return
    if received < jar.bytes:
        raise _PassingError(f"{jar.name}: only {received} of {jar.bytes} bytes came")
    raise _PassingError(f"{jar.name} is refused: its SHA-256 is {digest}, pinned is {jar.sha256}")


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
        raise _PassingError(
            f"the repository is not reachable: {getattr(error, 'reason', '') or str(error) or type(error).__name__}"
        ) from error


def _answered(url: str, error: urllib.error.HTTPError) -> Exception:
    answer = f"the repository answers {error.code} {error.reason}"
    return _PassingError(answer) if error.code in PASSING_STATUS else FixMachine(f"{url}: {answer}: {CHOOSE_MIRROR} that has it")


def _trust(url: str) -> ssl.SSLContext | None:
    """The system's certificate authorities, which know a company's proxy, and certifi's, for Pythons that come without any."""
    if not url.startswith("https:"):
        return None
    context = ssl.create_default_context()
    with suppress(ImportError):
        import certifi  # noqa: PLC0415 - optional: it comes with other packages

        context.load_verify_locations(certifi.where())
    return context
