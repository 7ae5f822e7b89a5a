"""Inputs in a database: added, listed, read back and deleted, each request in one transaction."""

from __future__ import annotations

import contextlib
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite

from processor.destination.database import SQLITE, open_database, writing
from processor.destination.models import Base, ConceptRow, InputRow, MediaRow
from processor.destination.parse import Conflict
from processor.rest.access import AppRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine, Table

    from processor.destination.parse import NewInput

SUFFIXES = tuple(str(number) for number in range(1, 10))  # the published ones; after them a random one
RANDOM_SUFFIX_BYTES = 8
MADE_UP_ID_BYTES = 16
MEDIA, CONCEPTS = Base.metadata.tables["media"], Base.metadata.tables["concepts"]


@dataclass(frozen=True, slots=True)
class StoredInput:
    """One input as it is kept.

    Attributes:
        app: whose it is.
        data: JSON text, without the bytes of media.
        media: which media's bytes are stored.
        dataset_ids: datasets that it is in.
    """

    app: AppRef
    id: str
    created_at_us: int
    collector: str | None
    data: str
    media: tuple[str, ...]
    dataset_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which inputs; what is None does not matter.

    Attributes:
        collector: ``user/app/collector``.
        concept: the id of a concept, at the top or in a region.
        from_us: made then or later, microseconds since 1970 UTC.
        to_us: made before.
        ids: of these only.
    """

    collector: str | None = None
    concept: str | None = None
    from_us: int | None = None
    to_us: int | None = None
    ids: tuple[str, ...] = ()


class InputStore:
    """All inputs of all apps.

    Args:
        database_url: see `open_database`, whose errors are raised here.

    Attributes:
        engine: its connections.
    """

    def __init__(self, database_url: str) -> None:
        self.engine: Engine = open_database(database_url)
        # SQLite lets one write at a time, and tells the others to ask again and again: here they queue.
        self._turn = threading.Lock() if self.engine.dialect.name == SQLITE else contextlib.nullcontext()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def ping(self) -> None:
        """Ask the database for nothing.

        Raises:
            DBAPIError: it does not answer.
        """
        with self.engine.connect() as connection:
            connection.execute(select(1))

    def add(self, app: AppRef, inputs: Sequence[NewInput], conflict: Conflict, now_us: int) -> Mapping[int, str | None]:
        """Store inputs, all in one transaction.

        Args:
            app: whose they are.
            inputs: of two with the same id the second is a duplicate, whatever ``conflict`` says.
            conflict: what becomes of one whose id is taken.
            now_us: the time, microseconds since 1970 UTC.

        Returns:
            Position -> the id it is stored under, None for a duplicate.
        """
        by_id: dict[str, NewInput] = {}
        for item in inputs:
            by_id.setdefault(item.id or secrets.token_hex(MADE_UP_ID_BYTES), item)
        with self._writing() as connection:
            adding = _Adding(connection, app, now_us)
            left = adding.under(by_id)
            if conflict is Conflict.SUFFIX:
                for suffix in (*SUFFIXES, secrets.token_hex(RANDOM_SUFFIX_BYTES)):
                    left = adding.under({f"{item.id}-{suffix}": item for item in left})
        return {item.position: adding.done.get(item.position) for item in inputs}

    def page(self, app: AppRef | None, wanted: Filter, page: int, per_page: int, newest_first: bool = False) -> list[StoredInput]:
        """One page of inputs, oldest first; pages count from 1; without an app, of all."""
        rows = _matching(select(InputRow.__table__), app, wanted)
        order = (InputRow.created_at_us, InputRow.number)
        rows = rows.order_by(*(column.desc() for column in order) if newest_first else order)
        with self.engine.connect() as connection:
            return [_stored(row) for row in connection.execute(rows.limit(per_page).offset((page - 1) * per_page))]

    def get(self, app: AppRef, input_id: str) -> StoredInput | None:
        """One input; None where there is none."""
        found = self.page(app, Filter(ids=(input_id,)), 1, 1)
        return found[0] if found else None

    def medium(self, app: AppRef, input_id: str, medium: str) -> tuple[str, bytes] | None:
        """Content type and bytes of one medium of an input; None where it is not stored."""
        joined = select(MediaRow.content_type, MediaRow.content).join(InputRow, InputRow.number == MediaRow.input_number)
        with self.engine.connect() as connection:
            found = connection.execute(_matching(joined, app, Filter(ids=(input_id,))).where(MediaRow.medium == medium)).first()
        return (found[0], bytes(found[1])) if found else None

    def remove(self, app: AppRef, ids: Sequence[str]) -> frozenset[str]:
        """Delete inputs; returns the ids that were there."""
        gone = delete(InputRow).where(*_of(app), InputRow.id.in_(ids)).returning(InputRow.id)
        with self._writing() as connection:
            return frozenset(connection.execute(gone).scalars())

    def counts(self) -> list[tuple[AppRef, str | None, int]]:
        """How many inputs each collector of each app has; None: inputs that nobody collected."""
        what = (InputRow.user_id, InputRow.app_id, InputRow.collector)
        with self.engine.connect() as connection:
            rows = connection.execute(select(*what, func.count()).group_by(*what))
            return [(AppRef(user, app), collector, count) for user, app, collector, count in rows]

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._turn, writing(self.engine) as connection:
            yield connection


class _Adding:
    """Inputs going into one transaction."""

    def __init__(self, connection: Connection, app: AppRef, now_us: int) -> None:
        self._connection = connection
        self._app = app
        self._now_us = now_us
        on_sqlite = connection.dialect.name == SQLITE
        self._insert: Any = sqlite.insert if on_sqlite else postgresql.insert
        self._placeholder = "?" if on_sqlite else "%s"
        self.done: dict[int, str] = {}

    def under(self, items: Mapping[str, NewInput]) -> list[NewInput]:
        """Store inputs under these ids; returns those whose id is taken."""
        if not items:
            return []
        numbers = self._numbers(items)
        taken = {input_id: (item, numbers[input_id]) for input_id, item in items.items() if input_id in numbers}
        stored = [(number, each.medium, each.content_type, each.content) for item, number in taken.values() for each in item.media]
        self._many(MEDIA, stored)
        self._many(CONCEPTS, [(number, concept) for item, number in taken.values() for concept in item.concepts])
        self.done |= {item.position: input_id for input_id, (item, _) in taken.items()}
        return [item for input_id, item in items.items() if input_id not in numbers]

    def _numbers(self, items: Mapping[str, NewInput]) -> Mapping[str, int]:
        """Insert the rows of what is new; id -> its number. In the order of ids, so that two requests never wait for each other."""
        rows = [self._row(input_id, items[input_id]) for input_id in sorted(items)]
        found = self._connection.execute(self._insert(InputRow).on_conflict_do_nothing().returning(InputRow.id, InputRow.number), rows)
        return {row.id: row.number for row in found}

    def _row(self, input_id: str, item: NewInput) -> dict[str, Any]:
        return {
            "user_id": self._app.user_id,
            "app_id": self._app.app_id,
            "id": input_id,
            "created_at_us": self._now_us + item.position,
            "collector": item.collector,
            "data": item.data,
            "media": ",".join(each.medium for each in item.media),
            "dataset_ids": ",".join(item.dataset_ids),
        }

    def _many(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows straight through the driver: with 20 concepts an input, SQLAlchemy's own way takes longer than all the rest."""
        if rows:
            names = ", ".join(table.columns.keys())
            values = ", ".join([self._placeholder] * len(table.columns))
            self._connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({values})", list(rows))  # noqa: S608 - our own names


def _of(app: AppRef) -> tuple[Any, Any]:
    return InputRow.user_id == app.user_id, InputRow.app_id == app.app_id


def _matching(rows: Any, app: AppRef | None, wanted: Filter) -> Any:
    conditions = [*_of(app)] if app else []
    if wanted.collector is not None:
        conditions.append(InputRow.collector == wanted.collector)
    if wanted.concept is not None:
        has = exists().where(ConceptRow.input_number == InputRow.number, ConceptRow.concept_id == wanted.concept)
        conditions.append(has)
    if wanted.from_us is not None:
        conditions.append(InputRow.created_at_us >= wanted.from_us)
    if wanted.to_us is not None:
        conditions.append(InputRow.created_at_us < wanted.to_us)
    if wanted.ids:
        conditions.append(InputRow.id.in_(wanted.ids))
    return rows.where(*conditions)


def _stored(row: Any) -> StoredInput:
    app = AppRef(row.user_id, row.app_id)
    return StoredInput(app, row.id, row.created_at_us, row.collector, row.data, _listed(row.media), _listed(row.dataset_ids))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
