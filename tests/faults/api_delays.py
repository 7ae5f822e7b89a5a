"""``scripts/api-delays``: what was allowed when a collector was written is taken back and given again; how long each takes to count.

A processor runs and predictions flow all the while. Printed are, from the moment of the change, the time until GET says INACTIVE with
its reason and the time of the last input that is collected; and from the moment it is undone, the time until GET says ACTIVE and until
the next input.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from processor.kafka.reader import TopicReader
from processor.settings import Settings
from processor.topics.names import inputs_topic, prefixed
from tests.support.brokers import make_broker, remove_broker
from tests.support.processes import Processor, collectors, give
from tests.support.serving import Serving
from tests.support.waiting import wait_until
from tests.support.world import Publisher, collector, operator, predictions, workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = "kind: App\nuser_id: acme\nid: quality\nplan: {plan}\n"
LAB = "kind: App\nuser_id: bob\nid: lab\ncollaborators: [{who}]\n"
PRIVATE = "kind: Model\nuser_id: bob\napp_id: lab\nid: general\nmodel_type_id: visual-classifier\n"
TENTH = operator("quality", "half", "random-sample", "{params: {keep_fraction: 0.5}}")
FLOW = workflow("quality", "half", "half")
WATCHED = collector("quality", "c", "pre_queue_workflow_id: half").replace(
    "model_user_id: clarifai, model_app_id: main", "model_user_id: bob, model_app_id: lab"
)
SCOPES = "PostInputs,Collectors_Get"


@dataclass(frozen=True)
class Change:
    """Something that is taken back and given again, by the command lines that do it."""

    name: str
    reason: str
    away: tuple[tuple[str, ...], str]
    back: tuple[tuple[str, ...], str]


def applied(text: str) -> tuple[tuple[str, ...], str]:
    return ("apply", "-f", "-"), text


def deleted(kind: str, name: str) -> tuple[tuple[str, ...], str]:
    return ("delete", kind, name, "--user", "acme", "--app", "quality"), ""


KEY = ("--user", "acme", "--app", "quality", "--id", "ingest")
CHANGES = (
    Change(
        "the key is revoked",
        "key acme/quality/ingest does not exist",
        (("keys", "revoke", *KEY), ""),
        (("keys", "create", *KEY, "--scopes", "PostInputs"), ""),
    ),
    Change(
        "the plan is changed",
        "plan community does not include collectors",
        applied(APP.format(plan="community")),
        applied(APP.format(plan="professional")),
    ),
    Change("the model is deleted", "model acme/quality/half does not exist", deleted("model", "half"), applied(TENTH)),
    Change("the workflow is deleted", "workflow acme/quality/half does not exist", deleted("workflow", "half"), applied(FLOW)),
    Change(
        "the collaborator is removed",
        "acme is no collaborator of app bob/lab",
        applied(LAB.format(who="eve")),
        applied(LAB.format(who="acme")),
    ),
)


@dataclass
class Delays:
    """Milliseconds; ``last_input`` and ``next_input`` by the inputs' own times."""

    name: str
    inactive: int = 0
    last_input: int = 0
    active: int = 0
    next_input: int = 0


@dataclass
class Run:
    """One run against a broker and an API of its own."""

    settings: Settings
    folder: Path
    delays: list[Delays] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _client: httpx.Client = field(init=False)

    def run(self) -> list[Delays]:
        """Make every change and undo it.

        Raises:
            AssertionError: a change had no effect, or another reason than it should.
        """
        secret = self._set_up()
        with Serving(self.settings, self.folder) as serving, Processor(self.settings, 2) as processor:
            self._client = httpx.Client(base_url=serving.url, headers={"authorization": f"Key {secret}"}, trust_env=False, timeout=30)
            load = threading.Thread(target=self._publish)
            load.start()
            try:
                wait_until(lambda: len(self._inputs()) > 10, "the first inputs", 60)
                for change in CHANGES:
                    self.delays.append(self._made(change))
            finally:
                self._stop.set()
                load.join()
                self._client.close()
            assert processor.terminate() == 0, processor.log()[-5000:]
        return self.delays

    def _set_up(self) -> str:
        give(self.settings, "topics", "apply")
        made = collectors(self.settings, "keys", "create", "--user", "acme", "--id", "token", "--scopes", SCOPES, "--json", cwd=self.folder)
        give(self.settings, "keys", "create", *KEY, "--scopes", "PostInputs")
        documents = (APP.format(plan="professional"), LAB.format(who="acme"), PRIVATE, TENTH, FLOW, WATCHED)
        give(self.settings, "apply", "-f", "-", text="---\n".join(documents))
        secret: str = orjson.loads(made.stdout)["secret"]
        return secret

    def _publish(self) -> None:
        publisher = Publisher(self.settings)
        stream = predictions(10**9, 5)
        while not self._stop.wait(0.03):
            batch = list(itertools.islice(stream, 20))
            for each in batch:
                each["model"] |= {"user_id": "bob", "app_id": "lab", "id": "general"}
            publisher.publish(batch)

    def _made(self, change: Change) -> Delays:
        found = Delays(change.name)
        away_ms = self._do(change.away)
        found.inactive = self._until(52002, change.reason) - away_ms
        before = self._settled()
        found.last_input = max(0, max(before) - away_ms)
        back_ms = self._do(change.back)
        found.active = self._until(52001, "") - back_ms
        later = wait_until(lambda: self._inputs()[len(before) :], f"inputs after {change.name} was undone", 60)
        found.next_input = min(later) - back_ms
        return found

    def _do(self, given: tuple[tuple[str, ...], str]) -> int:
        """Carry a change out; when it was done, ms."""
        arguments, text = given
        give(self.settings, *arguments, text=text or None)
        return _now_ms()

    def _until(self, code: int, reason: str) -> int:
        """When GET says so, ms; what it gives as the reason has to be it."""

        def answer() -> dict[str, Any]:
            status: dict[str, Any] = self._client.get("/v2/users/acme/apps/quality/collectors/c").json()["collector"]["status"]
            return status if status["code"] == code else {}

        status = wait_until(answer, f"code {code}", 30)
        at_ms = _now_ms()
        assert reason in status.get("details", ""), status
        return at_ms

    def _settled(self) -> list[int]:
        """The times of all inputs, once no more come."""
        last: list[int] = []

        def quiet() -> bool:
            nonlocal last
            now = self._inputs()
            is_quiet, last = len(now) == len(last) and bool(now), now
            return is_quiet

        wait_until(quiet, "the inputs to end", 60, 1.0)
        return last

    def _inputs(self) -> list[int]:
        return list(self._times())

    def _times(self) -> Iterator[int]:
        reader = TopicReader(self.settings, [prefixed(self.settings, inputs_topic("acme", "quality"))])
        yield from (record.timestamp_ms for record in reader.read_to_end())
        reader.close()


def _now_ms() -> int:
    return round(time.time() * 1000)


def main() -> int:
    """Run once; 0 when every change had its effect and its reason, and every undoing undid it."""
    with tempfile.TemporaryDirectory(prefix="api-delays-") as folder:
        broker = make_broker("auto", Path(folder) / "broker")
        try:
            broker.start()
            settings = Settings(bootstrap_servers=broker.bootstrap_servers, topic_prefix="delays-", instance="delays-host")
            delays = Run(settings, Path(folder)).run()
        finally:
            remove_broker(broker)
    for each in delays:
        stopped = f"INACTIVE in GET after {each.inactive} ms, last input after {each.last_input} ms"
        print(f"{each.name}: {stopped}; undone: ACTIVE after {each.active} ms, next input after {each.next_input} ms")  # noqa: T201 - the output
    return 0


if __name__ == "__main__":
    sys.exit(main())
