"""What is said when a Connect worker refuses, or does not answer. The answers that go right are in tests/connect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from processor.connect.rest import RestConnectors, without_password
from processor.errors import ClusterAway, FixCluster, FixUsage
from processor.kafka.machine import free_port

if TYPE_CHECKING:
    from collections.abc import Callable


def answering(status: int, **answer: object) -> RestConnectors:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, **answer))  # type: ignore[arg-type]  # handed on as it came
    return RestConnectors("http://user:sesame@worker.example:8083", transport)


def refusal(status: int, kind: type[FixCluster] = FixCluster, **answer: object) -> str:
    with answering(status, **answer) as connect, pytest.raises(kind) as told:
        connect.configure("c", {})
    assert type(told.value) is kind
    assert "sesame" not in str(told.value)
    return str(told.value)


def test_a_refusal_says_what_was_tried_where_and_what_connect_said() -> None:
    said = refusal(400, json={"error_code": 400, "message": "Connector configuration is invalid:\n  destination.url is no URL"})
    assert said.startswith("configuring connector c: Kafka Connect at http://worker.example:8083 answered 400: ")
    assert "Connector configuration is invalid: destination.url is no URL" in said


def test_a_rebalance_is_no_refusal() -> None:
    assert "try again in a few seconds" in refusal(409, ClusterAway, json={"message": "rebalance"})


@pytest.mark.parametrize(
    ("status", "words"), [(401, "the user and the password"), (404, "a Connect worker's address"), (500, "worker's log")]
)
def test_each_refusal_says_what_to_do(status: int, words: str) -> None:
    assert words in refusal(status, text="no")


def test_an_answer_that_is_no_json_is_shown_short() -> None:
    assert len(refusal(502, text="x" * 100_000)) < 5000


def test_a_worker_that_is_not_there_may_come_back() -> None:
    with RestConnectors(f"http://127.0.0.1:{free_port()}") as connect, pytest.raises(ClusterAway, match="is a worker up there"):
        connect.connectors()


@pytest.mark.parametrize("url", ["localhost:8083", "ftp://worker:8083", "http://", "worker"])
def test_an_address_that_is_none_is_told_without_it(url: str) -> None:
    with pytest.raises(FixUsage, match="connect_url") as told:
        RestConnectors(url)
    assert url not in str(told.value).replace("http://host:8083", "")


def test_no_proxy_stands_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:1")
    with RestConnectors(f"http://127.0.0.1:{free_port()}") as connect, pytest.raises(ClusterAway, match="ConnectError"):
        connect.connectors()


def test_user_and_password_are_left_out_of_an_address() -> None:
    assert without_password("https://user:p%40ss@host:8083/path") == "https://host:8083/path"


def test_names_are_quoted() -> None:
    seen: list[str] = []
    transport = httpx.MockTransport(_noting(seen))
    with RestConnectors("http://worker.example", transport) as connect:
        connect.pause("a/b c")
    assert seen == ["/connectors/a%2Fb%20c/pause"]


def _noting(seen: list[str]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        return httpx.Response(202)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>busy</html>",
        b"[]",
        b'{"c": 7}',
        b'{"c": {"status": {"tasks": [{}]}}}',
        b'{"c": {"info": {"config": {"a": 1}}}}',
        b'{"c": {"status": {"connector": {"state": null}}}}',
        b"[" * 10_000,
        b"\xff",
    ],
)
def test_an_answer_that_is_not_connects_is_told_with_where_to_look(answer: bytes) -> None:
    with (
        answering(200, content=answer) as connect,
        pytest.raises(FixCluster, match=r"not as Kafka Connect does.*a Connect worker's address"),
    ):
        connect.connectors()


@pytest.mark.parametrize("message", [b"[" * 10_000, b'{"message": "\\ud800"}', b'{"message": {"a": 1}}'])
def test_whatever_a_refusal_says_it_can_be_shown(message: bytes) -> None:
    assert refusal(400, content=message).encode()
