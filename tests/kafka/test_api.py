"""The REST API as it is run: two processes of it on a real broker, what they agree on, and what a kill leaves behind."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from processor.catalog.records import Collector, Kind
from processor.catalog.view import read_catalog
from processor.codec.registry import Schemas
from processor.topics.names import AUDIT
from tests.support.api import collector
from tests.support.processes import collectors, give
from tests.support.serving import Serving
from tests.support.stage import records
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from processor.settings import Settings

pytestmark = pytest.mark.kafka

APP = "/v2/users/acme/apps/quality"
SCOPES = "PostInputs,Collectors_Add,Collectors_Get,Collectors_Delete,Models_Add,Models_Delete"
DOCUMENTS = "kind: App\nuser_id: acme\nid: quality\nplan: professional\n"
SAMPLED = {"pre_queue_workflow_id": "", "pre_queue_random_sample": 0.5}


class Client:
    """Asks one process, as the owner of everything."""

    def __init__(self, url: str, secret: str) -> None:
        self._client = httpx.Client(base_url=url, headers={"authorization": f"Key {secret}"}, timeout=30, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def post(self, *items: dict[str, Any]) -> dict[str, Any]:
        return self._json("POST", {"collectors": list(items)})

    def describe(self, collector_id: str, text: str) -> int:
        answer = self._json("PATCH", {"action": "overwrite", "collectors": [{"id": collector_id, "description": text}]})
        code: int = answer["status"]["code"]
        return code

    def get(self, collector_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get(f"{APP}/collectors/{collector_id}").json()
        return found

    def description(self, collector_id: str) -> str:
        found: str = self.get(collector_id)["collector"].get("description", "")
        return found

    def _json(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._client.request(method, f"{APP}/collectors", json=body).json()
        return found


@pytest.fixture
def secret(settings: Settings, tmp_path: Path) -> str:
    """Topics, an app, and a token that opens it."""
    give(settings, "topics", "apply")
    give(settings, "apply", "-f", "-", text=DOCUMENTS)
    for arguments in (("--app", "quality", "--id", "ingest", "--scopes", "PostInputs"), ("--id", "token", "--scopes", SCOPES)):
        made = collectors(settings, "keys", "create", "--user", "acme", *arguments, "--json", cwd=tmp_path)
        assert made.returncode == 0, made.stderr
    found: str = orjson.loads(made.stdout)["secret"]
    return found


@pytest.fixture
def two(settings: Settings, secret: str, tmp_path: Path) -> Iterator[tuple[Client, Client]]:
    (tmp_path / "other").mkdir()
    with Serving(settings, tmp_path) as one, Serving(settings, tmp_path / "other") as other:
        first, second = Client(one.url, secret), Client(other.url, secret)
        with closing(first), closing(second):
            yield first, second


def stored(settings: Settings) -> dict[str, Collector]:
    """The collectors as the topics have them."""
    catalog = read_catalog(settings, Schemas.checked_in())
    return {key: record for key, record in catalog.records(Kind.COLLECTOR) if isinstance(record, Collector)}


def test_writers_to_one_collector_through_two_processes_end_as_the_log_has_it(settings: Settings, two: tuple[Client, Client]) -> None:
    first, second = two
    assert first.post(collector("c", **SAMPLED))["status"]["code"] == 10000
    wait_until(lambda: second.get("c")["status"]["code"] == 10000, "the other process to see it")

    def write(client: Client, name: str) -> list[bool]:
        """Whether each answer was true when it was given: what is read next is this text, or one that came after it."""
        seen = []
        for number in range(20):
            assert client.describe("c", f"{name}-{number}") == 10000
            read = client.description("c")
            seen.append(not read.startswith(name) or read == f"{name}-{number}")
        return seen

    with ThreadPoolExecutor(2) as pool:
        for seen in pool.map(write, two, ("one", "two")):
            assert all(seen), "a process reads its own writes"
    last = stored(settings)["acme/quality/c"].description
    assert last in {"one-19", "two-19"}
    for client in two:
        wait_until(lambda client=client: client.description("c") == last, "both to come to what the log ends with")
    whose = [orjson.loads(record.value or b"") for record in records(settings, AUDIT) if record.key == b"Collector/acme/quality/c"]
    assert len(whose) == 41, "every write is in the audit log once"
    assert whose[-1]["after"]["description"] == last


def test_a_process_killed_in_mid_request_leaves_every_item_whole_or_absent(settings: Settings, secret: str, tmp_path: Path) -> None:
    answered, unanswered = set[str](), set[str]()
    begun = threading.Event()
    with Serving(settings, tmp_path) as serving, closing(Client(serving.url, secret)) as client:

        def write() -> None:
            for number in itertools.count():
                ids = [f"r{number}-{i}" for i in range(20)]
                try:
                    unanswered.update(ids)
                    answer = client.post(*(collector(each, description=each, **SAMPLED) for each in ids))
                except httpx.HTTPError:
                    return
                unanswered.difference_update(ids)
                answered.update(item["id"] for item in answer["collectors"] if item["status"]["code"] == 52001)
                if number == 3:
                    begun.set()

        thread = threading.Thread(target=write)
        thread.start()
        assert begun.wait(60)
        serving.process.kill()
        thread.join()
    assert unanswered, "the fault struck while a request was under way"
    found = stored(settings)
    assert answered <= {key.rpartition("/")[2] for key in found}, "what was acknowledged is there"
    assert all(record.description == record.id and record.pre_queue_random_sample == 0.5 for record in found.values()), "whole, or absent"
    there = {each for each in unanswered if f"acme/quality/{each}" in found}
    assert there in (set(), unanswered), "the items of one request are one transaction"
    with Serving(settings, tmp_path) as again, closing(Client(again.url, secret)) as client:
        assert all(client.get(each)["status"]["code"] == 10000 for each in sorted(answered)[:5])
        assert client.post(collector("after", **SAMPLED))["status"]["code"] == 10000


def test_the_audit_log_says_who_wrote_what_through_the_api_and_by_command_and_no_secret(
    settings: Settings, secret: str, tmp_path: Path
) -> None:
    with Serving(settings, tmp_path) as serving, closing(Client(serving.url, secret)) as client:
        client.post(collector("c", **SAMPLED))
    give(settings, "delete", "collector", "c", "--user", "acme", "--app", "quality")
    log = records(settings, AUDIT)
    entries = [orjson.loads(record.value or b"") for record in log]
    made, deleted = [entry for entry in entries if entry["kind"] == "Collector"]
    assert (made["who"], made["action"], made["before"], made["after"]["id"]) == ("key acme//token", "created", None, "c")
    assert (deleted["who"][:3], deleted["action"], deleted["before"], deleted["after"]) == ("cli", "deleted", made["after"], None)
    assert made["catalog_version"] < deleted["catalog_version"]
    keys = [record.sha256 for _, record in read_catalog(settings, Schemas.checked_in()).records(Kind.KEY)]  # type: ignore[union-attr]  # keys
    text = b"".join(record.value or b"" for record in log).decode()
    assert not [each for each in (secret, *keys) if each in text]
    assert collectors(settings, "topics", "plan", "--exit-code").returncode == 0, "its policy is what topics.yaml says: never compacted"
