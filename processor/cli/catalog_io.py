"""What the commands that read and write the catalog share."""

from __future__ import annotations

import getpass
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import orjson

from processor.catalog.records import DOCUMENT_KINDS, Kind
from processor.errors import FixUsage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from processor.errors import Problem


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of writing documents.

    Attributes:
        documents: kind, key and result of each.
        warnings: what does not resolve yet, and collectors that stop.
        catalog_version: the new one; empty when nothing had to be written.
    """

    documents: Sequence[Mapping[str, str]]
    warnings: Sequence[Problem]
    catalog_version: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """What came of deleting a document.

    Attributes:
        kind: of the document.
        key: of the document.
        warnings: collectors that stop.
        catalog_version: the new one.
    """

    kind: Kind
    key: str
    warnings: Sequence[Problem]
    catalog_version: str


def now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)


def rfc3339(time: datetime) -> str:
    """A time as the contract writes it, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def who() -> str:
    """Who gives this command, for the audit log."""
    try:
        return f"cli {getpass.getuser()}"
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return "cli"


def kind_named(name: str) -> Kind:
    """A kind by its name: one or several, any case, ``KnowledgeGraph`` or ``knowledge-graphs``.

    Raises:
        FixUsage: there is no such kind.
    """
    plain = name.lower().replace("-", "").replace("_", "").removesuffix("s")
    for kind in DOCUMENT_KINDS:
        if kind.value.lower() == plain:
            return kind
    raise FixUsage(f"{name!r} is no kind of document; the kinds are {', '.join(DOCUMENT_KINDS)}")


def document_key(kind: Kind, user: str, app: str, document_id: str) -> str:
    """The catalog key of what a command line names.

    Raises:
        FixUsage: an app's own key takes no ``--app``, any other but a personal access token's needs one.
    """
    if kind is Kind.APP:
        if app not in {"", document_id}:
            raise FixUsage("an App is named by its id and --user: leave --app out")
        return f"{user}/{document_id}"
    if not app and kind is not Kind.KEY:
        raise FixUsage(f"--app is missing: a {kind} is named by --user, --app and its id")
    return f"{user}/{app}/{document_id}"


def read_file(name: str) -> bytes:
    """The bytes of a file, or of stdin for ``-``.

    Raises:
        FixUsage: it cannot be read.
    """
    try:
        with click.open_file(name, "rb") as file:
            data: bytes = file.read()
    except OSError as error:
        raise FixUsage(f"{name}: {error.strerror}") from None
    return data


def warn(problems: Iterable[Problem]) -> None:
    """Print warnings on stderr."""
    for problem in problems:
        click.echo(f"warning: {problem}", err=True)


def as_dicts(problems: Iterable[Problem]) -> list[dict[str, object]]:
    """Problems for machines."""
    return [asdict(problem) for problem in problems]


def print_json(value: object) -> None:
    """One JSON value on stdout."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
