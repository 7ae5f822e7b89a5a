"""Which sink connectors the catalog asks for: one an app with an active collector, with every option it must have. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from processor.catalog.records import App, Collector, Key, Kind
from processor.catalog.resolve import post_inputs_key
from processor.errors import FixUsage
from processor.topics.names import INPUTS_DEAD_LETTERS, inputs_topic, prefixed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from processor.catalog.store import Catalog
    from processor.settings import Settings

CONNECTOR_CLASS = "collectors.connect.InputsSinkConnector"
MANAGED_BY = "collectors.managed-by"
SECRET_OPTION = "destination.key"  # noqa: S105 - an option's name
HOSTED_DOMAIN = "clarifai.com"
HOSTED_REQUESTS_PER_SECOND = "15"  # what the hosted destination allows before it answers 11005
# The partitions of a worker that was killed are read by another one after ten seconds instead of 45.
RECOVERY = {"consumer.override.session.timeout.ms": "10000", "consumer.override.heartbeat.interval.ms": "3000"}
# For refused inputs: the limits of the topics decide how large a dead letter may be, not the producer that writes it.
ROOM = {"producer.override.max.request.size": str(64 << 20), "producer.override.buffer.memory": str(64 << 20)}
BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What there must be for one app with collectors.

    Attributes:
        app: ``user/app``.
        name: the connector's.
        config: all its options; None: nothing is to be posted now.
        reason: why not.
        broken: somebody has to do something about the reason.
        key_hash: SHA-256 of the secret it posts with: it changes when the key is rotated, which the options do not show.
    """

    app: str
    name: str
    config: Mapping[str, str] | None
    reason: str = ""
    broken: bool = False
    key_hash: str = field(default="", repr=False)


def managed_by(settings: Settings) -> str:
    """The mark on every connector that this system made: others are never touched."""
    return prefixed(settings, "collectors")


def connector_name(settings: Settings, user_id: str, app_id: str) -> str:
    """The connector of an app is called like the topic it reads."""
    return prefixed(settings, inputs_topic(user_id, app_id))


def wanted_connectors(settings: Settings, catalog: Catalog, secrets_folder: str, partitions: Mapping[str, int]) -> tuple[Wanted, ...]:
    """One entry an app that has collectors, active or not.

    Args:
        settings: the prefix, the default destination, further options of connectors.
        catalog: what was written.
        secrets_folder: the secret store, as the Connect workers see it.
        partitions: how many each topic of the cluster has.

    Raises:
        FixUsage: `connector_options` names an option that is not a matter of choice.
    """
    active: dict[tuple[str, str], list[Collector]] = {}
    states = {key: is_active for key, is_active, _ in catalog.collector_states()}
    for key, record in catalog.records(Kind.COLLECTOR):
        collector = cast("Collector", record)
        of_app = active.setdefault((collector.user_id, collector.app_id), [])
        if states.get(key):
            of_app.append(collector)
    make = _Maker(settings, catalog, secrets_folder, partitions)
    return tuple(make.wanted(user, app, collectors) for (user, app), collectors in sorted(active.items()))


class _Maker:
    """Makes entries from one catalog.

    Args:
        settings: as above.
        catalog: as above.
        secrets_folder: as above.
        partitions: as above.
    """

    def __init__(self, settings: Settings, catalog: Catalog, secrets_folder: str, partitions: Mapping[str, int]) -> None:
        self._settings = settings
        self._catalog = catalog
        self._secrets_folder = secrets_folder
        self._partitions = partitions

    def wanted(self, user: str, app: str, active: list[Collector]) -> Wanted:
        name, app_key = connector_name(self._settings, user, app), f"{user}/{app}"
        if not active:
            return Wanted(app_key, name, None, "no collector of the app is active")
        url = self._url(app_key)
        if not url:
            reason = f"it has no destination: set destination_url of App {app_key}, or COLLECTORS_DESTINATION_URL for all"
            return Wanted(app_key, name, None, reason, broken=True)
        # Collectors of one app may name several keys; one is enough to post with. The first by id, so that it does not change by itself.
        key = min((key for collector in active if (key := post_inputs_key(collector, self))), key=lambda key: (key.id, not key.app_id))
        return Wanted(app_key, name, self._config(name, (user, app), url, key), key_hash=key.sha256)

    def key(self, key: str) -> Key | None:
        """A key by its catalog key, for `post_inputs_key`."""
        return cast("Key | None", self._catalog.get(Kind.KEY, key))

    def _url(self, app_key: str) -> str:
        record = self._catalog.get(Kind.APP, app_key)
        return (record.destination_url if isinstance(record, App) else "") or self._settings.destination_url

    def _config(self, name: str, app: tuple[str, str], url: str, key: Key) -> dict[str, str]:
        own = {
            "name": name,
            "connector.class": CONNECTOR_CLASS,
            MANAGED_BY: managed_by(self._settings),
            "topics": name,
            "tasks.max": str(max(1, self._partitions.get(name, 1))),
            "destination.url": url,
            "destination.user.id": app[0],
            "destination.app.id": app[1],
            "destination.key.id": key.id,
            SECRET_OPTION: f"${{directory:{self._secrets_folder}:{key.user_id}.{key.app_id}.{key.id}}}",
            **dict(_required_options(prefixed(self._settings, INPUTS_DEAD_LETTERS))),
        }
        if clash := sorted(own.keys() & self._settings.connector_options.keys()):
            raise FixUsage(f"connector_options (COLLECTORS_CONNECTOR_OPTIONS): {', '.join(clash)} follow from the catalog: leave them out")
        return {**_usual_options(url), **self._settings.connector_options, **own}


def _usual_options(url: str) -> dict[str, str]:
    """What settings may change."""
    host = urlsplit(url).hostname or ""
    hosted = host == HOSTED_DOMAIN or host.endswith(f".{HOSTED_DOMAIN}")
    return RECOVERY | ROOM | ({"requests.per.second.max": HOSTED_REQUESTS_PER_SECOND} if hosted else {})


def _required_options(dead_letters: str) -> Iterator[tuple[str, str]]:
    """What delivery rests on: settings do not change it."""
    # Values are JSON already, and headers are text: nothing is to be parsed on the way, nor changed in a dead letter.
    yield from ((f"{part}.converter", BYTES) for part in ("key", "value", "header"))
    # With tolerance `none` there is no reporter, and one refused input would stop all others.
    yield "errors.tolerance", "all"
    yield "errors.deadletterqueue.topic.name", dead_letters
    yield "errors.deadletterqueue.context.headers.enable", "true"
    # Inputs of aborted transactions were never collected.
    yield "consumer.override.isolation.level", "read_committed"
    yield "consumer.override.auto.offset.reset", "earliest"
