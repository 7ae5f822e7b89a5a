"""Quotas and duplicate windows equal a plain sequential evaluator, through any restarts of the state they are kept in."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processor.codec.records import decode, encode
from processor.codec.registry import Schemas
from processor.limits.rules import Duplicates, Quota, Sameness
from processor.limits.seen import Fingerprint
from processor.limits.settle import settle
from processor.state.progress import Mark
from processor.state.windows import PartitionWindows, WindowRestoration
from tests.support.second_oracle import SecondOracle

SCHEMAS = Schemas.checked_in()
COLLECTOR = "acme/quality/c"
US = 1_000_000

BEGIN_S = 1_700_000_000
seconds = st.integers(0, 200_000) | st.integers(0, 90)
times = seconds.map(lambda after: (BEGIN_S + after) * US)
candidates = st.lists(st.tuples(times, st.integers(0, 4), st.integers(0, 4), st.integers(0, 9)), max_size=60)
limits_of = {"per_minute": st.integers(1, 4), "per_hour": st.integers(1, 6), "per_day": st.integers(1, 9), "total": st.integers(1, 20)}
quotas = st.none() | st.fixed_dictionaries({}, optional=limits_of).filter(bool)
windows = st.none() | st.fixed_dictionaries(
    {
        "by": st.lists(st.sampled_from(["input_id", "content"]), min_size=1, unique=True),
        "window_count": st.integers(1, 80),
        "window_seconds": st.sampled_from([1, 60, 100_000]),
    }
)


@given(stream=candidates, quota=quotas, window=windows)
def test_decisions_equal_the_oracles_whenever_the_stage_was_restarted(
    stream: list[tuple[int, int, int, int]], quota: dict[str, int] | None, window: dict[str, Any] | None
) -> None:
    limits = Quota(**quota) if quota else None, _duplicates(window)
    oracle, live, log = SecondOracle(quota, window), PartitionWindows(3), []
    for offset, (at_us, input_id, content, chance) in enumerate(stream):
        wanted = oracle.judge({"input_id": input_id or None, "content": content or None}, at_us)
        assert settle(live.memory(COLLECTOR), limits, Fingerprint(input_id, content), at_us) == wanted
        log += list(live.changes(Mark(offset + 1, offset + 1)))
        if chance == 0:
            live = _restored(log)


def _duplicates(window: dict[str, Any] | None) -> Duplicates | None:
    return Duplicates(**{**window, "by": frozenset(map(Sameness, window["by"]))}) if window else None


def _restored(log: list[Any]) -> PartitionWindows:
    """As a process that comes finds it: the newest record of each key, through the bytes of the changelog."""
    newest = {block.key: block for block in log}
    restoration = WindowRestoration()
    for block in newest.values():
        if (fields := block.as_dict()) is not None:
            restoration.add(decode(SCHEMAS, "queue_state", encode(SCHEMAS, "queue_state", fields)))
    return restoration.state(3)[0]
