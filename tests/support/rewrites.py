"""Changes of the world's catalog, each with the command that makes it and what the oracle makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.support.world import COLLECTORS, collector, operator, plain, workflow

WITNESS = plain("watch/witness", random_sample=1.0)
NEW = plain("third/new", random_sample=1.0)
KEYED = plain("third/keyed", random_sample=0.3)
BY_KEY = {one["key"]: one for one in COLLECTORS}
APPLY = ("apply", "-f", "-")


def key_of(app: str) -> tuple[str, ...]:
    """The options that name the key of an app of acme."""
    return ("--user", "acme", "--id", "ingest", "--app", app)


def app_with(app: str, name: str, fields: str) -> str:
    """The documents of an app with one collector."""
    return f"kind: App\nuser_id: acme\nid: {app}\nplan: professional\n---\n" + collector(app, name, fields)


WATCH = app_with("watch", "witness", "pre_queue_random_sample: 1.0")
THIRD = app_with("third", "new", "pre_queue_random_sample: 1.0")


@dataclass(frozen=True)
class Change:
    """One change of the catalog.

    Attributes:
        name: what it does, for reports.
        arguments: of the command that makes it.
        text: standard input of the command.
        after: key → the collector as the oracle sees it from then on.
    """

    name: str
    arguments: tuple[str, ...]
    text: str | None
    after: dict[str, dict[str, Any]]


def threshold(value: float) -> Change:
    """Of the dogs."""
    info = {"data": {"concepts": [{"id": "dog", "value": value}]}}
    dogs = BY_KEY["acme/quality/dogs"]
    text = operator("quality", "dogs", "concept-threshold", f"{{data: {{concepts: [{{id: dog, value: {value}}}]}}}}")
    return Change(f"a threshold becomes {value}", APPLY, text, {dogs["key"]: dogs | {"nodes": [dogs["nodes"][0] | {"output_info": info}]}})


def paused(*, is_paused: bool) -> Change:
    """A collector, by hand."""
    code = 52002 if is_paused else 52001
    text = collector("second", "random", f"pre_queue_random_sample: 0.05\nstatus: {{code: {code}}}")
    name = "a collector is paused" if is_paused else "a collector goes on"
    return Change(name, APPLY, text, _active("acme/second/random", is_active=not is_paused))


def without_workflow() -> Change:
    """A collector's workflow is gone."""
    arguments = ("delete", "workflow", "sample", "--user", "acme", "--app", "quality")
    return Change("a workflow is deleted", arguments, None, _active("acme/quality/tenth", is_active=False))


def with_workflow() -> Change:
    """It is there again."""
    text = workflow("quality", "sample", "tenth")
    return Change("a workflow is there again", APPLY, text, _active("acme/quality/tenth", is_active=True))


def key_revoked(app: str, collectors: dict[str, dict[str, Any]]) -> Change:
    """Nothing can be posted to an app."""
    after = {key: one | {"active": False} for key, one in collectors.items() if key.startswith(f"acme/{app}/")}
    return Change("a key is revoked", ("keys", "revoke", *key_of(app)), None, after)


def key_created(app: str, collectors: dict[str, dict[str, Any]]) -> Change:
    """It can be again."""
    after = {key: one for key, one in collectors.items() if key.startswith(f"acme/{app}/")}
    return Change("a key is created", ("keys", "create", *key_of(app), "--scopes", "PostInputs"), None, after)


def new_app() -> Change:
    """A collector of an app that there was not."""
    return Change("a collector of a new app", APPLY, THIRD, {NEW["key"]: NEW})


def _active(key: str, *, is_active: bool) -> dict[str, dict[str, Any]]:
    return {key: BY_KEY[key] | {"active": is_active}}


# Each with what takes it back.
THERE_AND_BACK = (
    (threshold(0.5), threshold(0.9)),
    (paused(is_paused=True), paused(is_paused=False)),
    (without_workflow(), with_workflow()),
    (key_revoked("third", {KEYED["key"]: KEYED}), key_created("third", {KEYED["key"]: KEYED})),
)
