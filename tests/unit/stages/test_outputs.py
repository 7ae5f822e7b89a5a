"""What is produced for a batch of decisions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from processor.codec.predictions import PredictionDecoder, candidate_encoder
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.engine.collector import Collector, Source, Watchers
from processor.engine.decide import decide
from processor.engine.reasons import OUTCOMES, Outcome
from processor.settings import Settings
from processor.stages.outputs import Outputs
from tests.support.predictions import prediction

SCHEMAS = Schemas.checked_in()
MODEL = "clarifai/main/general"
WATCHERS = {MODEL: Watchers(MODEL, (Collector("acme/quality/all", Source(MODEL), random_sample=1.0),))}
MAX = 100_000


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "p" * (MAX // 2)},
        {"model": {"user_id": "clarifai", "app_id": "main", "id": "general", "version_id": "v" * MAX}},
    ],
    ids=["id", "version"],
)
def test_a_record_too_large_by_its_headers_is_left_out_counted_and_named(changes: dict[str, Any]) -> None:
    settings = Settings(record_bytes_max=MAX)
    values = [encode(SCHEMAS, "prediction", prediction(**each)) for each in ({}, changes)]
    decoded = PredictionDecoder(SCHEMAS).decode(values)
    decisions = decide(decoded.batch, WATCHERS)
    records, too_large = Outputs(settings, candidate_encoder(SCHEMAS)).records(decoded, decisions, "0001")
    assert [dict(record.headers)["prediction-id"] for record in records] == [b"p-1"]
    assert [refused.row for refused in too_large] == [1]
    counted = dict(zip(OUTCOMES, np.sum(decisions[0].counts, axis=0).tolist(), strict=True))
    assert {outcome: count for outcome, count in counted.items() if count} == {Outcome.COLLECTED: 1, Outcome.INVALID: 1}
