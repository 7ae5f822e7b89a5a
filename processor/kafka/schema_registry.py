"""A schema registry with the Confluent REST API (Confluent, Apicurio, Karapace …)."""

from __future__ import annotations

import time
import warnings
import weakref
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

from processor.errors import ClusterAway, FixCluster, FixUsage

# Its OAuth library announces, over any filter, that another library is to be renamed: nothing that anybody here could do about.
with warnings.catch_warnings(record=True):
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# A registry that is away for a moment is asked three times more, for some 3 s; then whoever asked decides.
CONNECTION = {"timeout": 10, "max.retries": 3, "retries.wait.ms": 300, "retries.max.wait.ms": 2_000}
UNKNOWN_KEPT_S = 5.0
UNKNOWN_KEPT_MAX = 10_000
REFERENCES_MAX = 100  # schemas that one refers to, itself or through others; each is a request
NOT_FOUND = 404
CONFLICT = 409
INVALID = 422


class SchemaRegistry:
    """Ids and schemas of one registry; what is found is kept by the client, what is unknown for a few seconds.

    The last matters when records are garbage: their first bytes are random ids, and each would be a request.
    """

    def __init__(self, url: str) -> None:
        """Connect when first asked.

        Args:
            url: as ``https://user:password@registry.example:8081``; several with commas between them.

        Raises:
            FixUsage: this is no URL.
        """
        self._place = url.rsplit("@", 1)[-1]
        self._unknown: dict[int, float] = {}
        try:
            self._client = SchemaRegistryClient(CONNECTION | _address(url))
        except ValueError as error:
            raise FixUsage(f"schema_registry_url {self._place}: {error}; a URL starting with http:// or https:// is wanted") from None
        # Nobody has to close a registry: its connections end with it.
        weakref.finalize(self, self._client.close)

    def register(self, subject: str, text: str) -> int:
        """The id of a schema under a subject.

        Raises:
            FixCluster: the registry refuses the schema; ClusterAway: it does not answer.
        """
        return self._ask(f"register {subject}", lambda: int(self._client.register_schema(subject, Schema(text, "AVRO"))))

    def texts(self, schema_id: int) -> tuple[str, ...]:
        """The schema of an id, after the schemas that it refers to; nothing where the id is not known or the schema is not Avro.

        One that refers to itself, or to more than ``REFERENCES_MAX`` others, is nothing either.

        Raises:
            ClusterAway: the registry does not answer.
        """
        if self._is_unknown(schema_id):
            return ()
        return self._ask(f"look up schema {schema_id}", lambda: self._look_up(schema_id))

    def _look_up(self, schema_id: int) -> tuple[str, ...]:
        found: dict[tuple[str, str], str] = {}
        try:
            schema = self._client.get_schema(schema_id)
            if self._add_referenced(schema, found, set()):
                return (*found.values(), _text(schema))
        except SchemaRegistryError as error:
            if error.http_status_code != NOT_FOUND:
                raise
        self._unknown[schema_id] = time.monotonic()
        return ()

    def _add_referenced(self, schema: Schema, found: dict[tuple[str, str], str], above: set[tuple[str, str]]) -> bool:
        """Find all that a schema refers to, each once and after what it refers to itself; whether that is Avro, and comes to an end."""
        if schema.schema_type not in {None, "AVRO"}:
            return False
        for each in schema.references or ():
            name = (str(each.subject), str(each.version or "latest"))
            if name in found:
                continue
            if name in above or len(found) + len(above) >= REFERENCES_MAX:
                return False
            needed = self._client.get_version(name[0], each.version or "latest").schema
            if not self._add_referenced(needed, found, above | {name}):
                return False
            found[name] = _text(needed)
        return True

    def _is_unknown(self, schema_id: int) -> bool:
        if len(self._unknown) >= UNKNOWN_KEPT_MAX:
            self._unknown.clear()
        return time.monotonic() - self._unknown.get(schema_id, float("-inf")) < UNKNOWN_KEPT_S

    def _ask(self, doing: str, question: Callable[[], T]) -> T:
        try:
            return question()
        except SchemaRegistryError as error:
            raise FixCluster(f"{doing}: the schema registry at {self._place} says {error}: {_next_step(error)}") from None
        except Exception as error:  # noqa: BLE001 - the client lets its HTTP library's errors through, whichever that is
            raise ClusterAway(
                f"{doing}: no answer from the schema registry at {self._place} ({error}): "
                "is it up, and is COLLECTORS_SCHEMA_REGISTRY_URL right?"
            ) from None


def _text(schema: Schema) -> str:
    """Whatever stands there in an answer."""
    return schema.schema_str if isinstance(schema.schema_str, str) else ""


def _address(url: str) -> dict[str, str]:
    """The addresses, and apart from them the first one's user and password: the client's log has the address of every request."""
    places = [urlsplit(each.strip()) for each in url.split(",")]
    bare = {"url": ",".join(place._replace(netloc=place.netloc.rpartition("@")[2]).geturl() for place in places)}
    user, password = places[0].username, places[0].password
    return bare if user is None or password is None else bare | {"basic.auth.user.info": f"{unquote(user)}:{unquote(password)}"}


def _next_step(error: SchemaRegistryError) -> str:
    if error.http_status_code == CONFLICT:
        return "it holds a version of this subject that our schema is not compatible with: use another topic_prefix or correct the subject"
    if error.http_status_code == NOT_FOUND:
        return "is this the address of its Confluent-compatible API? (Apicurio's ends in /apis/ccompat/v7)"
    if error.http_status_code == INVALID:
        return "it does not take the schema: is it a registry for Avro?"
    return "look at the registry's log and at the user's permissions"
