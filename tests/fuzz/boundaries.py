"""All boundaries that are fuzzed, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fuzz.answers import ANSWER_BOUNDARIES
from tests.fuzz.media import MEDIA_BOUNDARIES
from tests.fuzz.records import RECORD_BOUNDARIES
from tests.fuzz.sink import SINK_BOUNDARIES
from tests.fuzz.texts import TEXT_BOUNDARIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fuzz.machine import Boundary

BOUNDARIES: Mapping[str, Boundary] = {
    each.name: each for each in (*RECORD_BOUNDARIES, *TEXT_BOUNDARIES, *ANSWER_BOUNDARIES, *MEDIA_BOUNDARIES, *SINK_BOUNDARIES)
}
