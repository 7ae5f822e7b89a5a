"""The REST API, for the commands that go through it instead of to the cluster: the same documents, problems and results."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from processor.cli.catalog_io import Applied, Deleted
from processor.errors import CollectorsError, FixDocuments, FixUsage, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processor.catalog.records import Kind
    from processor.documents import Documents, Located
    from processor.settings import Settings

PATH = "/v2/documents"
PAGE_SIZE = 1_000
CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 10.0, 120.0
SHOWN_MAX = 4_000
SUCCESS, THROTTLED, NO_SUCH_KEY = 10000, 11005, (11008, 11009)
KEY_WANTED = "the secret of a key is wanted in COLLECTORS_API_KEY, or as api_key in the settings file"
VISIBLE_ASCII = re.compile(r"[!-~]+")


class _Answer(BaseModel):
    """Of an answer: what is named has to be right, what is not named is not ours."""

    model_config = ConfigDict(strict=True)


class _Problem(_Answer):
    document: str
    path: str
    message: str
    code: int


class _Applied(_Answer):
    documents: list[dict[str, str]]
    problems: list[_Problem]
    warnings: list[_Problem]
    catalog_version: str


class _Looked(_Answer):
    documents: list[dict[str, Any]]
    next: str | None = None


class _Deleted(_Answer):
    key: str
    warnings: list[_Problem]
    catalog_version: str


Shape = TypeVar("Shape", bound=_Answer)


class ApiClient:
    """What the commands ask of `collectors serve`.

    Args:
        settings: where it answers, and the key's secret.
        transport: how requests travel; tests hand in their own.

    Raises:
        FixUsage: the address is none, or there is no key.
    """

    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None = None) -> None:
        url, secret = settings.api_url, settings.api_key.get_secret_value() if settings.api_key else ""
        host = _host(url)
        if not host:
            raise FixUsage("--api (COLLECTORS_API_URL) is no address of an API: http://host:8000 is wanted, without user and password")
        if not VISIBLE_ASCII.fullmatch(secret):
            raise FixUsage(f"the API at {url} asks for a key: {KEY_WANTED}")
        self._url = url
        self._client = httpx.Client(
            base_url=url,
            headers={"authorization": f"Key {secret}"},
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            trust_env=not _is_loopback(host),  # a proxy for the outside leads away from this machine
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def apply(self, documents: Documents) -> Applied:
        """Write documents: all of them, or none.

        Raises:
            FixDocuments: all problems of all documents; nothing was written.
            CollectorsError: the API did not take them; the text says what to do.
        """
        located = documents.located
        sent = {
            "documents": [each.document.model_dump(mode="json", exclude_unset=True) for each in located],
            "names": [_place(each) for each in located],
            "check": bool(documents.problems),  # what else is wrong is told with what is known to be
        }
        try:
            answer = self._ask(_Applied, "POST", "apply", json=sent)
        except CollectorsError:
            if documents.problems:  # these can be mended without the API
                raise FixDocuments(tuple(documents.problems)) from None
            raise
        if problems := (*documents.problems, *_problems(answer.problems)):
            raise FixDocuments(problems)
        return Applied(answer.documents, _problems(answer.warnings), answer.catalog_version)

    def documents(self, kind: Kind, user: str, app: str, document_id: str) -> list[dict[str, Any]]:
        """Documents of a kind, by key; blank: of whomever, wherever, all.

        Raises:
            CollectorsError: the API does not tell; the text says what to do.
        """
        wanted = {"kind": kind, "user_id": user, "app_id": app, "id": document_id, "per_page": PAGE_SIZE}
        after = ""
        found: list[dict[str, Any]] = []
        while True:
            named = wanted | {"after": after}
            answer = self._ask(_Looked, "GET", "look", params={name: value for name, value in named.items() if value})
            found += answer.documents
            if answer.next is None:
                return found
            if answer.next <= after:  # pages follow the keys; others would never end
                raise self._not_ours("a page comes after itself")
            after = answer.next

    def delete(self, kind: Kind, user: str, app: str, document_id: str) -> Deleted:
        """Delete one document; with a key goes its secret, on the machine of the API.

        Raises:
            CollectorsError: there is none, or it cannot be deleted; the text says what to do.
        """
        named = {"kind": kind, "user_id": user, "app_id": app, "id": document_id}
        answer = self._ask(_Deleted, "DELETE", "delete", params={name: value for name, value in named.items() if value})
        return Deleted(kind, answer.key, _problems(answer.warnings), answer.catalog_version)

    def _ask(self, shape: type[Shape], method: str, doing: str, **sent: Any) -> Shape:
        try:
            answer = self._client.request(method, PATH, **sent)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise CollectorsError(f"the API at {self._url} cannot be reached ({error}): is `collectors serve` running there?") from None
        except httpx.HTTPError as error:
            unknown = (
                "" if method == "GET" else f"; whether it was written is not known: look with `collectors get` before you {doing} again"
            )
            raise CollectorsError(f"the API at {self._url} did not answer ({type(error).__name__}){unknown}") from None
        return self._checked(shape, answer)

    def _checked(self, shape: type[Shape], answer: httpx.Response) -> Shape:
        """The body of an answer, or the error that it is."""
        try:
            body = orjson.loads(answer.content)
            code, details = body["status"]["code"], str(body["status"].get("details") or body["status"]["description"])
            if code == SUCCESS or "problems" in body:
                return shape.model_validate(body)
        except (ValidationError, ValueError, TypeError, KeyError, AttributeError):
            raise self._not_ours(str(answer.status_code)) from None
        raise self._refusal(code, details[:SHOWN_MAX], answer.headers.get("retry-after", "1"))

    def _not_ours(self, what: str) -> CollectorsError:
        unlike = f"answered, and not as `collectors serve` does ({what})"
        return CollectorsError(f"{self._url} {unlike}: is it the address of the API, and is a proxy before it well?")

    def _refusal(self, code: int, details: str, retry_after: str) -> CollectorsError:
        if code in NO_SUCH_KEY:
            return FixUsage(f"the API at {self._url} does not take the key: {details}: {KEY_WANTED}")
        if code == THROTTLED:
            return CollectorsError(f"the API at {self._url} is asked too often ({details}): try again in {retry_after} s")
        return CollectorsError(details)


def _host(url: str) -> str:
    """The host of an address; empty where it is none, or names a user, whose password would travel beside the key."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.hostname or "" if parts.scheme in {"http", "https"} and "@" not in parts.netloc else ""


def _place(located: Located) -> str:
    """Where a document was found, without what it is: the API adds that itself."""
    return located.where.removesuffix(f" {located.document.kind} {located.document.key}")


def _problems(given: Iterable[_Problem]) -> tuple[Problem, ...]:
    return tuple(Problem(each.document, each.path, each.message, each.code) for each in given)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
