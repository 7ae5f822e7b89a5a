"""The REST API as a client meets it, in this process: the real application over a catalog in memory, without Kafka."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import httpx
from anyio.from_thread import start_blocking_portal
from prometheus_client import CollectorRegistry

from processor.api.app import Options, create_app
from processor.api.bulk import Bulk, bulk_routes
from processor.api.documents import Documents
from processor.api.keys import Keys
from processor.api.routes import routes
from processor.api.versions import Versions
from processor.api.writes import Writes
from processor.catalog.audit import entry
from processor.catalog.changes import Change, new_changeset_id
from processor.catalog.parse import parse_change
from processor.catalog.records import SCHEMAS, App, Key, Model, Workflow, WorkflowNode, kind_of, record_key
from processor.catalog.store import Catalog
from processor.catalog.values import to_value
from processor.codec.records import decode, encode
from processor.codec.registry import Schemas
from processor.resources import SCOPES
from processor.rest.keys import sha256_of
from processor.rest.view import CatalogView
from processor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from anyio.from_thread import BlockingPortal
    from fastapi import FastAPI

    from processor.catalog.records import Record
    from processor.catalog.write import Order

    Apply = Callable[[Catalog, Sequence[Change]], object]

BASE_URL = "http://localhost"
APP = "/v2/users/acme/apps/quality"
COLLECTORS, MODELS, WORKFLOWS = f"{APP}/collectors", f"{APP}/models", f"{APP}/workflows"
TOKEN, OWN, COLLABORATOR, STRANGER = "token-of-acme", "key-of-quality", "token-of-ann", "token-of-zoe"
EVERY_SCOPE = tuple(sorted(SCOPES))
SCHEMAS_HERE = Schemas.checked_in()
RECORDS: tuple[Record, ...] = (
    App("acme", "quality", "professional", ("ann",)),
    App("acme", "poor", ""),
    App("zoe", "farm", "professional"),
    Key("acme", "", "token", EVERY_SCOPE, sha256_of(TOKEN)),
    Key("acme", "quality", "own", EVERY_SCOPE, sha256_of(OWN)),
    Key("ann", "", "token", EVERY_SCOPE, sha256_of(COLLABORATOR)),
    Key("zoe", "", "token", EVERY_SCOPE, sha256_of(STRANGER)),
    Key("acme", "quality", "ingest", ("PostInputs",), sha256_of("ingest")),
    Model("acme", "quality", "keep-a-tenth", "random-sample", '{"params":{"keep_fraction":0.1}}', name="Keep a tenth"),
    Model("acme", "quality", "shared", "visual-classifier", visibility="PUBLIC", name="Shared by all"),
    Workflow("acme", "quality", "sample", (WorkflowNode("sampler", "", "", "keep-a-tenth"),)),
)


class Cluster:
    """What the catalog topics would hold; what is written is read at once.

    Attributes:
        orders: everything that was written.
        audit: what was noted of it.
    """

    def __init__(self, records: Sequence[Record] = RECORDS) -> None:
        self.orders: list[Order] = []
        self.audit: list[bytes] = []
        self._changes = [Change(kind_of(record), record_key(record), record, "0" * 24) for record in records]
        self._first = len(self._changes)
        self._given: tuple[Apply, Catalog] | None = None

    def follow(self, settings: Settings, _schemas: Schemas, apply: Apply) -> Follower:
        catalog = Catalog(settings.plans_with_collectors)
        self._given = apply, catalog
        return Follower(catalog, lambda: apply(catalog, self._changes))

    def write(self, given: Order) -> str:
        assert self._given is not None
        self.orders.append(given)
        if not given.changes:
            return ""
        changeset = new_changeset_id(int(given.now.timestamp() * 1000), given.newest)
        self.audit += [entry(each, before, given.who, "", changeset) for each, before in zip(given.changes, given.before, strict=True)]
        changes = [_read_back(change, changeset) for change in given.changes]
        self._changes += changes
        apply, catalog = self._given
        apply(catalog, changes)
        return changeset

    def reset(self) -> None:
        """Make everything as it was at the beginning."""
        assert self._given is not None
        apply, catalog = self._given
        written = {(change.kind, change.key): change for order in self.orders for change in order.changes}
        apply(catalog, [Change(kind, key, None, "0" * 24) for kind, key in written] + self._changes[: self._first])
        del self._changes[self._first :]
        self.orders.clear()
        self.audit.clear()

    def put(self, *records: Record) -> None:
        """Write past the API, as `collectors apply` does."""
        assert self._given is not None
        apply, catalog = self._given
        apply(catalog, [Change(kind_of(record), record_key(record), record, "0" * 24) for record in records])

    def drop(self, *records: Record) -> None:
        """Delete past the API."""
        assert self._given is not None
        apply, catalog = self._given
        apply(catalog, [Change(kind_of(record), record_key(record), None, "0" * 24) for record in records])


def _read_back(change: Change, changeset: str) -> Change:
    """As a follower of the topics has it, who believes nothing that cannot be read."""
    value = None if change.record is None else encode(SCHEMAS_HERE, SCHEMAS[change.kind], to_value(change.record))
    return parse_change(change.kind, change.key.encode(), value, changeset, lambda kind, data: decode(SCHEMAS_HERE, SCHEMAS[kind], data))


class Follower:
    """As `CatalogFollower`, of a catalog that is filled from elsewhere."""

    def __init__(self, catalog: Catalog, fill: Callable[[], object]) -> None:
        self.catalog = catalog
        self._fill = fill
        self._closed = threading.Event()

    def bootstrap(self) -> None:
        self._fill()

    def poll(self, timeout_s: float) -> bool:
        self._closed.wait(min(timeout_s, 0.01))
        return False

    def close(self) -> None:
        self._closed.set()


class MemorySecrets:
    """As `SecretStore`, without files."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str, str], str] = {}

    def put(self, user_id: str, app_id: str, key_id: str, secret: str) -> None:
        self.kept[user_id, app_id, key_id] = secret

    def remove(self, user_id: str, app_id: str, key_id: str) -> None:
        self.kept.pop((user_id, app_id, key_id), None)


class Api:
    """Asks the API, synchronously.

    Args:
        app: the application.
        portal: where its event loop runs.
        cluster: what it writes to.
    """

    def __init__(self, app: FastAPI, portal: BlockingPortal, cluster: Cluster) -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url=BASE_URL)
        self._portal = portal
        self.app = app
        self.cluster = cluster
        self.secrets = MemorySecrets()

    def ask(self, method: str, path: str, secret: str | None = TOKEN, **options: Any) -> httpx.Response:
        """One request; with a secret, in the header where it belongs."""
        headers = {"authorization": f"Key {secret}"} if secret is not None else {}
        headers |= options.pop("headers", {})
        return self._portal.call(lambda: self._client.request(method, path, headers=headers, **options))

    def post(self, path: str, secret: str | None = TOKEN, **body: Any) -> httpx.Response:
        return self.ask("POST", path, secret, json=body)

    def patch(self, path: str, secret: str | None = TOKEN, **body: Any) -> httpx.Response:
        return self.ask("PATCH", path, secret, json={"action": "overwrite"} | body)

    def delete(self, path: str, secret: str | None = TOKEN, **body: Any) -> httpx.Response:
        return self.ask("DELETE", path, secret, json=body)

    def get(self, path: str, secret: str | None = TOKEN, **query: Any) -> httpx.Response:
        return self.ask("GET", path, secret, params=query or None)


def code(answer: httpx.Response) -> int:
    """The code on top."""
    found: int = answer.json()["status"]["code"]
    return found


def collector(collector_id: str = "c", **fields: Any) -> dict[str, Any]:
    """A collector of the public General model that runs the workflow ``sample``."""
    source = {
        "model_user_id": "clarifai",
        "model_app_id": "main",
        "model_id": "general-image-recognition",
        "post_inputs_key_id": "ingest",
    } | fields.pop("source", {})
    given = {"id": collector_id, "pre_queue_workflow_id": "sample"} | fields
    return given | {"collector_source": {"api_post_model_outputs_collector_source": source}}


@contextlib.contextmanager
def api(records: Sequence[Record] = RECORDS, options: Options | None = None) -> Iterator[Api]:
    """An API for as long as the block runs."""
    settings, cluster = Settings(), Cluster(records)
    view = CatalogView(settings, Schemas.checked_in(), follow=cluster.follow)  # type: ignore[arg-type]  # the part that is used
    writes, secrets = Writes(settings, view, cluster), MemorySecrets()
    keys = Keys(view, writes, secrets)
    calls = [*routes(Documents(view, writes), keys, Versions(view, writes)), *bulk_routes(Bulk(view, writes, keys))]
    app = create_app(view, calls, (), CollectorRegistry(), options or Options(requests_per_second=1e6, burst=1_000_000))
    view.start()
    try:
        with start_blocking_portal() as portal:
            found = Api(app, portal, cluster)
            found.secrets = secrets
            yield found
    finally:
        view.stop()
