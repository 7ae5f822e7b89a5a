"""The catalog at one moment, for commands that look once and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.catalog.follower import CatalogFollower
from processor.kafka.admin import Admin
from processor.topics.names import existing_inputs_topics

if TYPE_CHECKING:
    from processor.catalog.store import Catalog
    from processor.codec.registry import Schemas
    from processor.settings import Settings


def read_catalog(settings: Settings, schemas: Schemas) -> Catalog:
    """Everything written so far; inputs topics are taken to exist until `look_for_topics`.

    Raises:
        FixCluster: a catalog topic is missing, or the brokers do not answer.
    """
    follower = CatalogFollower(settings, schemas)
    try:
        follower.bootstrap()
    finally:
        follower.close()
    return follower.catalog


def look_for_topics(settings: Settings, catalog: Catalog) -> None:
    """Tell the catalog which inputs topics the cluster has.

    Raises:
        FixCluster: the brokers do not answer.
    """
    catalog.set_topics(existing_inputs_topics(settings, Admin(settings).names()))
