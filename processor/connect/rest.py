"""Kafka Connect's REST API, as far as the controller needs it. Errors say what to do; secrets are in none of its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from processor.connect.plan import Connector, Task
from processor.errors import ClusterAway, FixCluster, FixUsage

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST_TIMEOUT_S = 10.0
CONFLICT = 409
SERVER_ERROR = 500
SHOWN_MAX = 2000


class Connectors(Protocol):
    """The connectors of a Connect cluster. Every method raises FixCluster for what Connect refuses, ClusterAway when it does not answer."""

    def connectors(self) -> dict[str, Connector]:
        """Every connector there is, ours or not, by name."""

    def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Make a connector, or give it these options."""

    def pause(self, name: str) -> None:
        """Post no more; the place in the topic is kept."""

    def resume(self, name: str) -> None:
        """Post again."""

    def restart(self, name: str) -> None:
        """Start again what failed of it."""


class RestConnectors:
    """`Connectors` through a worker's REST address.

    Args:
        url: of any worker of the Connect cluster; it may hold a user and a password.
        transport: how requests travel; tests hand in their own.

    Raises:
        FixUsage: the address is none.
    """

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise FixUsage("connect_url (COLLECTORS_CONNECT_URL) is no address: http://host:8083 is wanted")
        self._shown = without_password(url)
        # Whatever proxy is set for the outside: a worker stands beside the brokers.
        self._client = httpx.Client(base_url=url, timeout=REQUEST_TIMEOUT_S, trust_env=False, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def connectors(self) -> dict[str, Connector]:
        """Every connector there is, ours or not, by name."""
        doing = "listing connectors"
        answer = self._ask("GET", "/connectors", doing, params={"expand": ["info", "status"]})
        try:
            found = _ANSWER.validate_json(answer.content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))[:SHOWN_MAX]
            raise FixCluster(
                f"{doing}: {self._shown} answered, and not as Kafka Connect does ({where}: {first['msg']}): {NEXT_STEP[404]}"
            ) from None
        return {name: _connector(name, each) for name, each in found.items()}

    def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Make a connector, or give it these options."""
        self._ask("PUT", _path(name, "/config"), f"configuring connector {name}", json=dict(config))

    def pause(self, name: str) -> None:
        """Post no more; the place in the topic is kept."""
        self._ask("PUT", _path(name, "/pause"), f"pausing connector {name}")

    def resume(self, name: str) -> None:
        """Post again."""
        self._ask("PUT", _path(name, "/resume"), f"resuming connector {name}")

    def restart(self, name: str) -> None:
        """Start again what failed of it."""
        wanted = {"includeTasks": "true", "onlyFailed": "true"}
        self._ask("POST", _path(name, "/restart"), f"restarting connector {name}", params=wanted)

    def _ask(self, method: str, path: str, doing: str, **sent: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **sent)
        except httpx.HTTPError as error:
            raise ClusterAway(
                f"{doing}: Kafka Connect at {self._shown} does not answer ({type(error).__name__}): is a worker up there? "
                "connect_url (COLLECTORS_CONNECT_URL) names another"
            ) from None
        if answer.is_success:
            return answer
        raise self._refusal(doing, answer)

    def _refusal(self, doing: str, answer: httpx.Response) -> FixCluster:
        said = _message(answer)
        if answer.status_code == CONFLICT:
            return ClusterAway(
                f"{doing}: Kafka Connect at {self._shown} is sharing out its work just now ({said}): try again in a few seconds"
            )
        next_step = (
            "look at the worker's log" if answer.status_code >= SERVER_ERROR else NEXT_STEP.get(answer.status_code, "mend what it names")
        )
        return FixCluster(f"{doing}: Kafka Connect at {self._shown} answered {answer.status_code}: {said}: {next_step}")


NEXT_STEP = {
    401: "put the user and the password into connect_url (COLLECTORS_CONNECT_URL)",
    403: "give the user of connect_url (COLLECTORS_CONNECT_URL) the right to change connectors",
    404: "is connect_url (COLLECTORS_CONNECT_URL) a Connect worker's address? if so the connector was just deleted: try again",
}


def without_password(url: str) -> str:
    """An address that may be shown: user and password left out."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _path(name: str, action: str) -> str:
    return f"/connectors/{quote(name, safe='')}{action}"


def _message(answer: httpx.Response) -> str:
    """What Connect says is wrong; its answers repeat no value of an option of type password."""
    try:
        said = str(orjson.loads(answer.content)["message"])
    except (ValueError, KeyError, TypeError):
        said = answer.text
    return " ".join(said.split())[:SHOWN_MAX] or answer.reason_phrase


class _Part(BaseModel):
    """Of an answer: what is named has to be right, what is not named is not ours."""

    model_config = ConfigDict(strict=True)


class _State(_Part):
    state: str = "UNASSIGNED"
    trace: str = ""
    worker_id: str = ""


class _Task(_Part):
    id: int
    state: str
    trace: str = ""


class _Status(_Part):
    connector: _State = _State()
    tasks: list[_Task] = []


class _Info(_Part):
    config: dict[str, str | None] = {}


class _Found(_Part):
    """As `expand` gives it; a connector that was only just made may have no status yet."""

    info: _Info = _Info()
    status: _Status = _Status()


_ANSWER = TypeAdapter(dict[str, _Found])


def _connector(name: str, found: _Found) -> Connector:
    state = found.status.connector
    tasks = tuple(Task(task.id, task.state, task.trace) for task in found.status.tasks)
    config = {option: value for option, value in found.info.config.items() if value is not None}
    return Connector(name, config, state.state, state.trace, tasks, state.worker_id)
