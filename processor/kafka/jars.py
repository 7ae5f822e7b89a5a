"""The jars that a local Kafka is made of: pinned coordinates and the SHA-256 of each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import orjson

KAFKA_VERSION = "4.3.1"


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned file.

    Attributes:
        coordinates: ``group:artifact:version``.
        bytes: its size.
        sha256: hex digest of the whole file.
        part: ``broker``, ``connect`` for what only Kafka Connect needs besides, or ``compiler`` for what makes its plugin.
    """

    coordinates: str
    bytes: int
    sha256: str
    part: str

    @property
    def name(self) -> str:
        """The file's name, ``artifact-version.jar``."""
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"

    @property
    def path(self) -> str:
        """Where a Maven repository keeps it, relative to the repository."""
        group, artifact, version = self.coordinates.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.name}"


def manifest(*parts: str) -> tuple[Jar, ...]:
    """The pinned jars of the named parts; of all parts when none is named."""
    values = orjson.loads((files("processor.kafka") / "jars.json").read_bytes())
    jars = (Jar(**value) for value in values["jars"])
    return tuple(jar for jar in jars if not parts or jar.part in parts)
