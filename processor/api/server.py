"""Running the API: the catalog, a socket, the destination mounted beside it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from processor.api.app import Options, create_app
from processor.api.bulk import Bulk, bulk_routes
from processor.api.documents import Documents
from processor.api.keys import Keys
from processor.api.routes import routes
from processor.api.versions import Versions
from processor.api.writes import Writes
from processor.catalog.write import CatalogWriter
from processor.codec.registry import Schemas
from processor.destination.app import inputs_router
from processor.destination.store import InputStore
from processor.kafka.topic_watch import TopicWatch
from processor.rest.server import listening, serve, url_of
from processor.rest.view import CatalogView
from processor.secrets import SecretStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from processor.settings import Settings

log = logging.getLogger("collectors.api")


def run(settings: Settings, database_url: str, address: tuple[str, int], registry: CollectorRegistry, ready: Callable[[str], None]) -> None:
    """Be the API until SIGTERM or SIGINT.

    Args:
        settings: the cluster.
        database_url: where the destination that is mounted keeps inputs.
        address: host and port to listen on; port 0: a free one.
        registry: what ``/metrics`` tells.
        ready: told the URL when connections are taken.

    Raises:
        FixUsage: the database's URL is none, or no cluster is set.
        FixCluster: the catalog cannot be read.
        FixDatabase: the database cannot be opened.
        FixMachine: the address cannot be listened on.
    """
    host, port = address
    schemas = Schemas.from_settings(settings)
    with listening(host, port) as listener:
        view = CatalogView(settings, schemas, TopicWatch(settings))
        writes = Writes(settings, view, CatalogWriter(settings, schemas))
        documents, versions, keys = Documents(view, writes), Versions(view, writes), Keys(view, writes, SecretStore())
        store = InputStore(database_url)
        options = Options(settings.api_requests_per_second, settings.api_burst)
        calls = [*routes(documents, keys, versions), *bulk_routes(Bulk(view, writes, keys))]
        app = create_app(view, calls, inputs_router(store, view).routes, registry, options)
        try:
            view.start()
            ready(url_of(host, listener))
            serve(app, listener)
            log.info("stopped cleanly")
        finally:
            view.stop()
            store.close()
