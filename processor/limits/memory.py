"""What is remembered of one collector, and the pieces of it that go to the changelog. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from processor.limits.quota import QuotaState
from processor.limits.seen import Seen
from processor.limits.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    Piece = tuple[str, int, bytes | None]
    """Part, segment and bytes; None: it is no more."""

MADE, QUOTA, SEEN = "made", "quota", "seen"


class Memory:
    """What is remembered of one collector, or of a shard of one.

    Args:
        made: when the collector was created, RFC 3339; empty: not known.

    Attributes:
        quota: what it collected.
        seen: what came of late.
    """

    def __init__(self, made: str = "") -> None:
        self.made = made
        self.quota = QuotaState()
        self.seen = Seen()
        self._streams: dict[str, Stream] = {}
        self._gone: list[Piece] = []
        self._is_told = not made

    @property
    def nbytes(self) -> int:
        """Memory that its windows take."""
        return self.seen.nbytes + sum(stream.nbytes for stream in list(self._streams.values()))

    def stream(self, part: str) -> Stream:
        """What a streaming sampler remembers, by the name of its part."""
        return self._streams.setdefault(part, Stream())

    def keep(self, parts: Collection[str]) -> bool:
        """Forget the samplers that the workflow no longer has; whether there was one."""
        old = sorted(self._streams.keys() - parts)
        for part in old:
            self._gone += [(part, segment, None) for segment in self._streams.pop(part).segments()]
        return bool(old)

    def changes(self) -> Iterator[Piece]:
        """Every piece that changed since the last call."""
        yield from self._gone
        self._gone.clear()
        if not self._is_told:
            yield MADE, 0, self.made.encode()
            self._is_told = True
        if self.quota.is_changed:
            yield QUOTA, 0, orjson.dumps(self.quota.as_dict())
            self.quota.is_changed = False
        for part, ring in ((SEEN, self.seen), *sorted(self._streams.items())):
            yield from ((part, segment, data) for segment, data in ring.changes())

    def pieces(self) -> Iterator[Piece]:
        """Tombstones for all that the changelog may hold of it."""
        yield from self._gone
        yield from ((part, 0, None) for part in (MADE, QUOTA))
        for part, ring in ((SEEN, self.seen), *sorted(self._streams.items())):
            yield from ((part, segment, None) for segment in ring.segments())

    def restore(self, part: str, segment: int, data: bytes) -> None:
        """Take over a piece of the changelog.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: it is none of ours.
        """
        if part == MADE:
            self.made, self._is_told = data.decode(), True
        elif part == QUOTA:
            self.quota = QuotaState.from_dict(orjson.loads(data))
        elif part == SEEN:
            self.seen.restore(segment, data)
        elif "." in part:
            self.stream(part).restore(segment, data)
        else:
            raise ValueError(f"part {part!r} is not known")
