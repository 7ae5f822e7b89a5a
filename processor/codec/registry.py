"""Which schema an id stands for, and which id our own records carry.

Without a registry the ids are those checked in beside the schemas; with one (``schema_registry_url``) they are the registry's,
under the subject ``<topic>-value``. One topic never mixes the two.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol, cast

import fastavro

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.schema_files import INDEX, SchemaFile, newest, read_index
from processor.files import find_file
from processor.topics import names
from processor.topics.names import prefixed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from processor.settings import Settings

ParsedSchema = dict[str, Any]

TOPICS = {
    "prediction": names.PREDICTIONS,
    "candidate": names.QUEUE,
    "collector": names.COLLECTORS,
    "workflow": names.WORKFLOWS,
    "model": names.MODELS,
    "app": names.APPS,
    "key": names.KEYS,
    "knowledge_graph": names.KNOWLEDGE_GRAPHS,
    "counters": names.COUNTERS,
    "queue_state": names.QUEUE_STATE,
    "spent_quota": names.SPENT_QUOTAS,
}


class Registry(Protocol):
    """A schema registry, as far as it is used here."""

    def register(self, subject: str, text: str) -> int:
        """The id of a schema under a subject; the registry gives a new one where it has none."""
        ...

    def texts(self, schema_id: int) -> tuple[str, ...]:
        """The schema of an id, after the schemas that it refers to; nothing where the id is not known."""
        ...


class Schemas:
    """Writer schemas by id, and the ids that our own records are written with.

    Schemas are fetched when they are first needed and kept. Asking a registry may raise FixCluster; asking the index never does.
    """

    def __init__(self, index: dict[int, SchemaFile], registry: Registry | None = None, subject: Callable[[str], str] = str) -> None:
        """Serve schemas.

        Args:
            index: the schemas checked in.
            registry: where ids come from; None: the index.
            subject: name of a schema -> subject in the registry.
        """
        self._index = index
        self._registry = registry
        self._subject = subject
        self._parsed: dict[int, ParsedSchema] = {}
        self._writers: dict[str, ParsedSchema] = {}
        self._writer_ids: dict[str, int] = {}

    @classmethod
    def checked_in(cls, folder: Path | None = None) -> Schemas:
        """The schemas beside this package, or in a folder of their own.

        Raises:
            FixUsage: the folder is missing, or is not whole.
        """
        return cls(read_index(folder or find_file(f"schemas/{INDEX}").parent))

    @classmethod
    def from_settings(cls, settings: Settings) -> Schemas:
        """As the settings say: with the registry's ids, or with those checked in.

        Raises:
            FixUsage: the schemas folder is missing or not whole, or the registry's URL is none.
        """
        index = read_index(find_file(f"schemas/{INDEX}", settings.config_folder).parent)
        if not settings.schema_registry_url:
            return cls(index)
        from processor.kafka.schema_registry import SchemaRegistry  # noqa: PLC0415 - slow to import, and needed with a registry only

        return cls(index, SchemaRegistry(settings.schema_registry_url), lambda name: f"{prefixed(settings, TOPICS[name])}-value")

    def text(self, name: str) -> str:
        """Our own schema of a name, as one line of JSON.

        Raises:
            FixUsage: there is no such schema.
        """
        return newest(self._index, name).text

    def writer_id(self, name: str) -> int:
        """The id that our own records of this name carry.

        Raises:
            FixCluster: the registry does not answer, or refuses the schema.
        """
        if name not in self._writer_ids:
            self._writer_ids[name] = (
                newest(self._index, name).id if self._registry is None else self._registry.register(self._subject(name), self.text(name))
            )
        return self._writer_ids[name]

    def writer(self, name: str) -> ParsedSchema:
        """Our own schema of a name, parsed by fastavro.

        Raises:
            FixUsage: there is no such schema.
        """
        if name not in self._writers:
            self._writers[name] = _parse(newest(self._index, name).id, (self.text(name),))
        return self._writers[name]

    def by_id(self, schema_id: int) -> ParsedSchema:
        """The schema that a record with this id was written with, parsed by fastavro.

        Raises:
            BadRecordError: unknown_schema_id.
            FixCluster: the registry does not answer.
        """
        if schema_id not in self._parsed:
            parsed = _parse(schema_id, self._texts(schema_id))
            # As the same object where it is one of ours: fastavro resolves nothing then, which is quicker by a third.
            ours = (self.writer(name) for name in {each.name: None for each in self._index.values()})
            self._parsed[schema_id] = next((writer for writer in ours if writer == parsed), parsed)
        return self._parsed[schema_id]

    def _texts(self, schema_id: int) -> tuple[str, ...]:
        if self._registry is not None:
            return self._registry.texts(schema_id)
        return (self._index[schema_id].text,) if schema_id in self._index else ()


def _parse(schema_id: int, texts: tuple[str, ...]) -> ParsedSchema:
    if not texts:
        raise BadRecordError(BadReason.UNKNOWN_SCHEMA_ID, f"no schema has the id {schema_id}")
    named: dict[str, Any] = {}
    try:
        parsed = [fastavro.parse_schema(json.loads(text), named_schemas=named) for text in texts]
    except Exception as error:  # noqa: BLE001 - what is no schema makes fastavro raise errors of several kinds
        raise BadRecordError(
            BadReason.UNKNOWN_SCHEMA_ID, f"schema {schema_id} is no Avro schema: {type(error).__name__}: {error}"
        ) from None
    return cast("ParsedSchema", parsed[-1])
