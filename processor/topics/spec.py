"""topics.yaml as values: parsed at the edge, every problem at once with the path to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from processor.errors import FixDocuments, Problem
from processor.resources import id_problem
from processor.topics.names import COMPACTED, INPUTS_TEMPLATE, QUEUE, QUEUE_STATE, inputs_topic, is_inputs_topic, name_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

BROKER_DEFAULT = -1
PARTITIONS_MAX = 10_000
CLEANUP_POLICY = "cleanup.policy"


def kafka_value(value: object) -> str:
    """A YAML value as Kafka writes it: true, 0.1, ``compact,delete``.

    Raises:
        ValueError: it has no such form.
    """
    if isinstance(value, list) and value:
        return ",".join(kafka_value(part) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | str) or (isinstance(value, float) and isfinite(value)):
        return str(int(value) if isinstance(value, float) and value.is_integer() else value)
    raise ValueError("a string, a number, true or false, or a list of these")


KafkaValue = Annotated[str, BeforeValidator(kafka_value)]


class Entry(BaseModel):
    """One topic, the template, or the defaults, as written; None means: not said here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    owner: str = ""
    key: str = ""
    value_schema: str | None = Field(default=None, alias="schema", description="file under schemas/; none: bytes or state")
    producers: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()
    partitions: Annotated[int, Field(strict=True, ge=1, le=PARTITIONS_MAX)] | None = None
    replication: Annotated[int, Field(strict=True, ge=BROKER_DEFAULT, le=100)] | None = None
    configs: dict[str, KafkaValue] = {}


class Document(BaseModel):
    """The file as written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    defaults: Entry = Entry()
    topics: dict[str, Entry]
    templates: dict[str, Entry] = {}
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a topic should be, defaults applied.

    Attributes:
        name: without the prefix; of the template: ``inputs.<user_id>.<app_id>``.
        partitions: at least one.
        replication: replicas of each partition; -1: the cluster's default.
        configs: overrides, as Kafka writes their values.
        entry: what the file says about it, for people.
    """

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str]
    entry: Entry


@dataclass(frozen=True, slots=True)
class Spec:
    """All of topics.yaml: names without the prefix, and what every app's inputs topic is unless it is listed itself.

    Attributes:
        topics: what is listed.
        template: what it is else.
        readers: (user id, app id) of the apps whose inputs somebody reads under a principal of their own.
    """

    topics: Mapping[str, Wanted]
    template: Wanted
    readers: tuple[tuple[str, str], ...] = ()

    def inputs(self, user_id: str, app_id: str) -> Wanted:
        """What the inputs topic of an app should be."""
        return self.topics.get(inputs_topic(user_id, app_id), self.template)


def load_spec(path: Path, prefix: str = "") -> Spec:
    """Read a file.

    Raises:
        FixDocuments: whatever is wrong with it.
    """
    return parse_spec(path.read_text(encoding="utf-8"), str(path), prefix)


def parse_spec(text: str, document: str = "topics.yaml", prefix: str = "") -> Spec:
    """Parse and check.

    Args:
        text: YAML.
        document: what problems call it.
        prefix: of the settings; the names have to be legal with it.

    Raises:
        FixDocuments: whatever is wrong, all of it.
    """
    parsed = _document(text, document)
    template = _wanted(INPUTS_TEMPLATE, parsed.defaults, parsed.templates.get(INPUTS_TEMPLATE, Entry()))
    topics = {name: _topic(parsed.defaults, template, name, entry) for name, entry in parsed.topics.items()}
    problems = [Problem(document, path, message) for path, message in _problems(parsed, topics, template, prefix)]
    if problems:
        raise FixDocuments(tuple(problems))
    return Spec(topics, template, tuple(app for app in map(_app, parsed.readers) if app))


def _document(text: str, document: str) -> Document:
    try:
        return Document.model_validate(YAML(typ="safe", pure=True).load(text))
    except YAMLError as error:
        raise FixDocuments((Problem(document, "", f"not YAML: {error}"),)) from None
    except ValidationError as error:
        raise FixDocuments(
            tuple(Problem(document, path_of(found["loc"]), found["msg"].removeprefix("Value error, ")) for found in error.errors())
        ) from None


def path_of(location: Iterable[str | int]) -> str:
    """A place as people write it; names with dots of their own stand in brackets: ``topics[queue.state].partitions``."""
    return "".join(f".{part}" if isinstance(part, str) and "." not in part else f"[{part}]" for part in location).removeprefix(".")


def _topic(defaults: Entry, template: Wanted, name: str, entry: Entry) -> Wanted:
    if name in COMPACTED:
        compacted = {CLEANUP_POLICY: "compact", **entry.configs}
        return _wanted(name, defaults, entry.model_copy(update={"configs": compacted}))
    if not is_inputs_topic(name):
        return _wanted(name, defaults, entry)
    own = _wanted(name, Entry(partitions=template.partitions, replication=template.replication), entry)
    return replace(own, configs={**template.configs, **own.configs})


def _wanted(name: str, defaults: Entry, entry: Entry) -> Wanted:
    partitions = entry.partitions or defaults.partitions or 1
    replication = next((found for found in (entry.replication, defaults.replication) if found is not None), BROKER_DEFAULT)
    return Wanted(name, partitions, replication, {**defaults.configs, **entry.configs}, entry)


def _problems(document: Document, topics: Mapping[str, Wanted], template: Wanted, prefix: str) -> Iterator[tuple[str, str]]:
    yield from _template_problems(document)
    for name, wanted in topics.items():
        path = path_of(("topics", name))
        yield from _name_problems(path, prefix + name, name)
        yield from _replication_problems(path, wanted)
        if name in COMPACTED and wanted.configs[CLEANUP_POLICY] != "compact":
            yield (
                f"{path}.configs[{CLEANUP_POLICY}]",
                "the newest record of every key is the system's memory: it has to be compact, nothing else",
            )
    yield from _replication_problems(path_of(("templates", INPUTS_TEMPLATE)), template)
    yield from _alike(topics)
    for number, reader in enumerate(document.readers):
        if _app(reader) is None:
            yield f"readers[{number}]", f"{reader!r} is no app: user/app is wanted, as in acme/quality"
    yield from _queue_problems(topics)


def _app(text: str) -> tuple[str, str] | None:
    """``user/app``; None for anything else."""
    user, _, app = text.partition("/")
    return (user, app) if not id_problem(user) and not id_problem(app) else None


def _template_problems(document: Document) -> Iterator[tuple[str, str]]:
    for name in document.templates.keys() - {INPUTS_TEMPLATE}:
        yield path_of(("templates", name)), f"the one template there is, is {INPUTS_TEMPLATE}"


def _name_problems(path: str, topic: str, name: str) -> Iterator[tuple[str, str]]:
    if problem := name_problem(topic):
        yield path, problem
    if name.count(".") > 1 and name.startswith("inputs.") and not is_inputs_topic(name):
        yield path, f"not the inputs topic of any app: {INPUTS_TEMPLATE}, each '_' of an id doubled"


def _replication_problems(path: str, wanted: Wanted) -> Iterator[tuple[str, str]]:
    if wanted.replication == 0:
        yield f"{path}.replication", "a number of replicas from 1, or -1 for the cluster's default"
    in_sync = wanted.configs.get("min.insync.replicas", "1")
    if wanted.replication > 0 and in_sync.isdecimal() and int(in_sync) > wanted.replication:
        yield (
            f"{path}.configs[min.insync.replicas]",
            f"{in_sync} of {wanted.replication} replicas can never be in sync: nothing could be written",
        )


def _alike(topics: Mapping[str, Wanted]) -> Iterator[tuple[str, str]]:
    first: dict[str, str] = {}
    for name in topics:
        other = first.setdefault(name.replace(".", "_"), name)
        if other != name:
            yield path_of(("topics", name)), f"Kafka's metrics take it for {other}: '.' and '_' are one there"


def _queue_problems(topics: Mapping[str, Wanted]) -> Iterator[tuple[str, str]]:
    queue, state = topics.get(QUEUE), topics.get(QUEUE_STATE)
    if queue and state and queue.partitions != state.partitions:
        yield (
            "topics[queue.state].partitions",
            f"{state.partitions}, and the queue has {queue.partitions}: a partition's state stands at the same number",
        )
