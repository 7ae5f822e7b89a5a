"""Faults of the destination itself: told in the contract's way, logged, and no secret, image or stack trace in what goes out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from processor.destination.app import Options
from processor.destination.limits import Limits
from processor.rest.status import Code, combined
from tests.support.embedded_destination import ALL, INPUTS, base64_of, code, destination, image

if TYPE_CHECKING:
    from pathlib import Path


def test_a_fault_is_answered_without_its_trace_and_logged_without_what_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the fault")

    with destination(f"sqlite:///{tmp_path}/inputs.db") as there, caplog.at_level(logging.DEBUG):
        monkeypatch.setattr(there.app.state.store.__class__, "add", broken)
        answer = there.post(image("a", b"\x89PNG\r\n\x1a\nprivate"))
    assert (answer.status_code, code(answer)) == (500, 99009)
    assert "the fault" not in answer.text
    assert "Traceback" not in answer.text
    assert "the fault" in caplog.text
    assert answer.json()["status"]["req_id"] in caplog.text
    assert ALL not in caplog.text
    assert base64_of(b"private")[:8] not in caplog.text


def test_what_a_client_does_is_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with destination(f"sqlite:///{tmp_path}/inputs.db") as there, caplog.at_level(logging.INFO, "collectors"):
        there.post(image("a"))
        there.get(INPUTS, "a wrong secret")
    assert not [record for record in caplog.records if record.name.startswith("collectors")]


@pytest.mark.parametrize(
    ("items", "top"),
    [
        ([Code.INPUT_OK], Code.SUCCESS),
        ([Code.INPUT_OK, Code.INPUT_DUPLICATE], Code.MIXED_STATUS),
        ([Code.INPUT_DUPLICATE, Code.INPUT_DUPLICATE], Code.INPUT_DUPLICATE),
        ([Code.INPUT_DUPLICATE, Code.INPUT_OVER_LIMIT], Code.FAILURE),
    ],
)
def test_the_status_on_top_sums_the_items_up(items: list[Code], top: Code) -> None:
    assert combined([(item, "") for item in items], Code.INPUT_OK)[0] is top


def test_limits_of_one_input_are_its_own(tmp_path: Path) -> None:
    limits = Limits(media_bytes_max=400, inputs_max=2)
    with destination(f"sqlite:///{tmp_path}/inputs.db", Options(limits=limits)) as there:
        answer = there.post(image("a", b"\x89PNG\r\n\x1a\n" + bytes(500)), {"id": "b", "data": {"text": {"raw": "x" * 500}}})
        assert [each["status"]["code"] for each in answer.json()["inputs"]] == [30105, 30105]
        assert code(there.post(*[image("c")] * 3)) == 30105
        assert code(there.post(image("c"))) == 10000
