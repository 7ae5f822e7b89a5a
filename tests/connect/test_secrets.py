"""The secret of a key is where it has to be, in the header of a request, and nowhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from processor.kafka.reader import TopicReader
from processor.settings import Settings
from tests.connect.conftest import SECRET
from tests.support.destination import NO_KEY, UNSUPPORTED, FakeDestination, status, whole
from tests.support.sink import Sink, input_body
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from processor.connect.worker import LocalConnect
    from tests.support.brokers import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_a_secret_is_in_no_topic_no_answer_no_log_and_no_error(
    destination: FakeDestination, sink: Sink, worker: LocalConnect, broker: Broker
) -> None:
    refused = input_body(3)["id"]
    destination.judge = lambda given: status(UNSUPPORTED, f"said by {SECRET}") if given["id"] == refused else None
    sink.publish(input_body(number) for number in range(10))
    sink.start()
    sink.wait_committed()
    destination.rule = lambda _: whole(401, NO_KEY, f"no such key: {SECRET}")
    sink.publish([input_body(11)])
    shown = [sink.failure(), str(sink.committed_note()), *everything_rest_answers(sink), worker.log(), worker.output()]
    shown += [str(record) for record in [*sink.dead_letters(), *internal_topics(broker)]]
    assert any("${directory:" in text for text in shown), "the configuration was not looked at"
    assert any("[hidden]" in text for text in shown), "no error repeated the secret, so nothing was proven"
    assert [text[:300] for text in shown if SECRET in text] == []
    assert {request.authorization for request in destination.requests} == {f"Key {SECRET}"}, "the secret was not even used"


def everything_rest_answers(sink: Sink) -> list[str]:
    """What anybody who reaches the worker is told."""
    name = sink.topic
    paths = [f"/connectors/{name}", f"/connectors/{name}/config", f"/connectors/{name}/tasks", f"/connectors/{name}/status",
             f"/connectors/{name}/tasks/0/status", f"/connectors/{name}/offsets", "/connectors?expand=info&expand=status",
             "/connector-plugins", "/admin/loggers"]  # fmt: skip
    answers = [sink.rest("GET", path) for path in paths]
    for options in ({}, {"destination_key": SECRET}, {"destination_key": f"{SECRET} with a space"}, {"destination_url": "nowhere"}):
        config = {**sink.config(**options), "name": name}
        answers.append(sink.rest("PUT", "/connector-plugins/InputsSinkConnector/config/validate", json=config))
    assert all(answer.is_success for answer in answers), [answer.text for answer in answers if not answer.is_success]
    bad = sink.rest("PUT", f"/connectors/{name}-bad/config", json=sink.config(destination_key=f"{SECRET} with a space"))
    assert bad.status_code == 400
    return [answer.text for answer in [*answers, bad]]


def internal_topics(broker: Broker) -> list[object]:
    """What the worker keeps in the cluster."""
    settings = Settings(bootstrap_servers=broker.bootstrap_servers)
    reader = TopicReader(settings, [f"shared-connect-{kind}" for kind in ("configs", "status", "offsets")])
    found = list(reader.read_to_end())
    reader.close()
    assert found, "the worker kept nothing"
    return list(found)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"destination_url": "ftp://files"}, "must be http://host… or https://host…"),
        ({"destination_url": "http://user:pass@host"}, "may hold a host and a path only"),
        ({"destination_app_id": "a/b"}, "letters, digits"),
        ({"destination_key": "with a space"}, "must be visible ASCII"),
        ({"errors_tolerance": "none"}, "refused inputs would be lost"),
        ({"batch_inputs_max": "0"}, "at least 1"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_told_before_it_runs(sink: Sink, options: dict[str, str], problem: str) -> None:
    answer = sink.rest("PUT", "/connector-plugins/InputsSinkConnector/config/validate", json=sink.config(**options))
    errors = [error for config in answer.json()["configs"] for error in config["value"]["errors"]]
    assert any(problem in error for error in errors), errors
    assert "user:pass" not in json.dumps(errors)


def test_a_key_that_is_not_in_the_secret_store_is_named(destination: FakeDestination, sink: Sink, secrets_folder: Path) -> None:
    sink.publish([input_body(1)])
    (secrets_folder / "acme.quality.ingest").unlink()
    refused = sink.rest("PUT", f"/connectors/{sink.topic}/config", json=sink.config())
    assert "the secret of key 'ingest' is not in the secret store of this worker" in refused.text
    sink.store_secret(f"{SECRET}\n")
    sink.start()
    wait_until(lambda: destination.ids(sink.app), "the input, though the secret's file ends with a line's end")
