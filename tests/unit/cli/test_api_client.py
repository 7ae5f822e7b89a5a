"""What the commands that go through the API ask of it, and what they say when it does not answer as it should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from processor.catalog.records import Kind
from processor.cli.api_client import PAGE_SIZE, ApiClient
from processor.documents import read_documents
from processor.errors import EXIT_FAILED, EXIT_USAGE, CollectorsError, FixDocuments, FixUsage
from processor.kafka.machine import free_port
from processor.settings import Settings
from tests.support.api import TOKEN, Api, api
from tests.support.documents import FIRST_COLLECTOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST = read_documents([("f.yaml", FIRST_COLLECTOR)])
URL = "http://api.example"


def settings(url: str = URL, secret: str = TOKEN) -> Settings:
    return Settings(api_url=url, api_key=SecretStr(secret))


class Through(httpx.BaseTransport):
    """The way into an API of this process.

    Attributes:
        asked: what was asked of it.
    """

    def __init__(self, there: Api) -> None:
        self._there = there
        self.asked: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        secret = request.headers["authorization"].removeprefix("Key ")
        answer = self._there.ask(request.method, request.url.raw_path.decode(), secret, content=request.read())
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@pytest.fixture
def through() -> Iterator[Through]:
    with api() as there:
        yield Through(there)


def answering(status: int, body: Any = b"", **headers: str) -> httpx.MockTransport:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return httpx.MockTransport(lambda _: httpx.Response(status, content=content, headers=headers))


def failing(error: Callable[[str], httpx.HTTPError]) -> httpx.MockTransport:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error("it is away")

    return httpx.MockTransport(fail)


def test_documents_go_in_and_come_out_as_they_are(through: Through) -> None:
    with ApiClient(settings(), through) as client:
        made = client.apply(FIRST)
        assert [each["result"] for each in made.documents] == ["changed", "changed", "changed", "created"]
        assert [each["result"] for each in client.apply(FIRST).documents] == ["unchanged"] * 4
        (found,) = client.documents(Kind.COLLECTOR, "acme", "quality", "a-tenth-of-general")
        assert found["pre_queue_workflow_id"] == "sample"
        deleted = client.delete(Kind.WORKFLOW, "acme", "quality", "sample")
        assert (deleted.key, [each.document for each in deleted.warnings]) == (
            "acme/quality/sample",
            ["Collector acme/quality/a-tenth-of-general"],
        )
        assert TOKEN not in "".join(str(each.url) for each in through.asked)


def test_what_is_wrong_here_and_what_is_wrong_there_are_told_together_and_nothing_is_written(through: Through) -> None:
    both = read_documents([("a.yaml", FIRST_COLLECTOR.replace(b"id: sampler", b"id: s p")), ("b.yaml", FIRST_COLLECTOR.split(b"---\n")[3])])
    other = read_documents([("b.yaml", FIRST_COLLECTOR.split(b"---\n")[3].replace(b"workflow_id: sample", b"workflow_id: none"))])
    other.problems.extend(problem for problem in both.problems if problem.path == "nodes[0].id")
    with ApiClient(settings(), through) as client, pytest.raises(FixDocuments) as raised:
        client.apply(other)
    assert [(each.document, each.code) for each in raised.value.problems] == [
        ("a.yaml#3 Workflow acme/quality/sample", 11102),
        ("b.yaml#1 Collector acme/quality/a-tenth-of-general", 22102),
    ]


def test_documents_with_problems_of_their_own_are_told_of_without_the_api() -> None:
    found = read_documents([("f.yaml", FIRST_COLLECTOR + b"---\nkind: App\nid: x\n")])
    with ApiClient(settings(), failing(httpx.ConnectError)) as client, pytest.raises(FixDocuments, match=r"f.yaml#5 App x: user_id"):
        client.apply(found)


def test_a_long_list_is_read_to_its_end() -> None:
    pages = iter([{"documents": [{"id": "a"}], "next": "acme/quality/a"}, {"documents": [{"id": "b"}]}])
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        return httpx.Response(200, json={"status": {"code": 10000, "description": "Ok"}, **next(pages)})

    with ApiClient(settings(), httpx.MockTransport(answer)) as client:
        assert client.documents(Kind.MODEL, "", "", "") == [{"id": "a"}, {"id": "b"}]
    first = {"kind": "Model", "per_page": str(PAGE_SIZE)}
    assert asked == [first, first | {"after": "acme/quality/a"}]


@pytest.mark.parametrize("after", ["", "acme/quality/a", "acme/quality/b"])
def test_pages_that_would_never_end_are_no_answer_of_the_api(after: str) -> None:
    pages = iter([{"documents": [], "next": "acme/quality/b"}, {"documents": [], "next": after}])

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"status": {"code": 10000, "description": "Ok"}, **next(pages)})

    with ApiClient(settings(), httpx.MockTransport(answer)) as client, pytest.raises(CollectorsError, match="a page comes after itself"):
        client.documents(Kind.MODEL, "", "", "")


@pytest.mark.parametrize("url", ["api.example", "ftp://api.example", "http://", "http://user:pa55@api.example", "/v2", "http://[:"])
def test_an_address_that_is_none_is_wrong_use(url: str) -> None:
    with pytest.raises(FixUsage, match="COLLECTORS_API_URL") as raised:
        ApiClient(settings(url))
    assert "pa55" not in str(raised.value)


@pytest.mark.parametrize("secret", ["", "two words", "über", "line\nbreak"])
def test_without_a_usable_secret_nothing_is_asked(secret: str) -> None:
    with pytest.raises(FixUsage, match="COLLECTORS_API_KEY") as raised:
        ApiClient(settings(secret=secret))
    assert not secret or secret not in str(raised.value)


def test_no_key_at_all_is_told_with_where_it_belongs() -> None:
    with pytest.raises(FixUsage, match="api_key in the settings file"):
        ApiClient(Settings(api_url=URL))


@pytest.mark.parametrize("code", [11008, 11009])
def test_a_key_that_is_not_taken_is_told_with_where_it_belongs(code: int) -> None:
    body = {"status": {"code": code, "description": "API key", "details": "no key has this secret"}}
    with ApiClient(settings(), answering(401, body)) as client, pytest.raises(FixUsage) as raised:
        client.documents(Kind.APP, "", "", "")
    assert (raised.value.exit_code, "no key has this secret" in str(raised.value), "COLLECTORS_API_KEY" in str(raised.value)) == (
        EXIT_USAGE,
        True,
        True,
    )
    assert TOKEN not in str(raised.value)


def test_being_asked_too_often_says_when_to_come_again() -> None:
    body = {"status": {"code": 11005, "description": "Too many requests"}}
    with ApiClient(settings(), answering(429, body, **{"retry-after": "7"})) as client, pytest.raises(CollectorsError, match="in 7 s"):
        client.apply(FIRST)


def test_any_other_refusal_is_told_as_it_is() -> None:
    body = {"status": {"code": 11007, "description": "Scopes", "details": "key acme//token lacks Keys_Get"}}
    with ApiClient(settings(), answering(403, body)) as client, pytest.raises(CollectorsError) as raised:
        client.documents(Kind.KEY, "", "", "")
    assert (str(raised.value), raised.value.exit_code) == ("key acme//token lacks Keys_Get", EXIT_FAILED)


OK = {"code": 10000, "description": "Ok"}


@pytest.mark.parametrize(
    "body",
    [
        *(b"<html>", b"[]", b'{"status": 5}', {"status": {}}, b"", b"[" * 10_000, b'{"status": {"code": 1, "details": "\\ud800"}}'),
        {"status": OK},
        {"status": OK, "documents": 5, "problems": [], "warnings": [], "catalog_version": ""},
        {"status": OK, "documents": [], "problems": [{"document": "d"}], "warnings": [], "catalog_version": ""},
    ],
)
def test_an_address_of_something_else_is_told(body: Any) -> None:
    with ApiClient(settings(), answering(404, body)) as client, pytest.raises(CollectorsError, match="is it the address of the API"):
        client.apply(FIRST)


def test_an_api_that_is_away_has_written_nothing() -> None:
    with ApiClient(settings(f"http://127.0.0.1:{free_port()}")) as client, pytest.raises(CollectorsError, match="is `collectors serve`"):
        client.apply(FIRST)


def test_an_api_that_falls_silent_may_have_written() -> None:
    with ApiClient(settings(), failing(httpx.ReadTimeout)) as client:
        with pytest.raises(CollectorsError, match=r"whether it was written is not known: look .* before you apply again"):
            client.apply(FIRST)
        with pytest.raises(CollectorsError, match=r"before you delete again"):
            client.delete(Kind.APP, "acme", "", "quality")
        with pytest.raises(CollectorsError, match=r"did not answer \(ReadTimeout\)$"):
            client.documents(Kind.APP, "", "", "")
