"""Keys by the hash of their secret."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from processor.catalog.records import Key


class KeyBook(Protocol):
    """Keys by the hash of their secret."""

    def find(self, sha256: str) -> Sequence[Key]:
        """All keys whose secret has this SHA-256 (hex): a secret may be that of several apps."""


class HeldKeys:
    """A few keys that are handed in."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = by_hash(keys)

    def find(self, sha256: str) -> Sequence[Key]:
        """See `KeyBook`."""
        return self._keys.get(sha256, ())


def by_hash(keys: Iterable[Key]) -> Mapping[str, Sequence[Key]]:
    """Keys by the hash of their secret."""
    found: dict[str, list[Key]] = {}
    for key in keys:
        found.setdefault(key.sha256, []).append(key)
    return found


def sha256_of(secret: str) -> str:
    """The hash that the catalog keeps of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
