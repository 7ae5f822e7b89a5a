"""The tables, as SQLAlchemy sees them. What a database really has is the migrations' business; a test holds both equal."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite counts up by itself only in a column that is called INTEGER.
Number = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """Root of the tables."""


class InputRow(Base):
    """One input, without the bytes of its media.

    Attributes:
        number: for other tables to refer to.
        created_at_us: microseconds since 1970 UTC; inputs of one request differ, in the order of the request.
        collector: ``user/app/collector``.
        data: JSON text.
        media: which media's bytes are stored, with commas.
        dataset_ids: datasets that it is in, with commas.
    """

    __tablename__ = "inputs"
    __table_args__ = (
        UniqueConstraint("user_id", "app_id", "id", name="inputs_id"),
        Index("inputs_created", "user_id", "app_id", "created_at_us", "number"),
        Index("inputs_collector", "user_id", "app_id", "collector", "created_at_us", "number"),
    )

    number: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    user_id: Mapped[str] = mapped_column(Text)
    app_id: Mapped[str] = mapped_column(Text)
    id: Mapped[str] = mapped_column(Text)
    created_at_us: Mapped[int] = mapped_column(BigInteger)
    collector: Mapped[str | None] = mapped_column(Text)
    data: Mapped[str] = mapped_column(Text)
    media: Mapped[str] = mapped_column(Text)
    dataset_ids: Mapped[str] = mapped_column(Text, server_default="")


class MediaRow(Base):
    """The bytes of one medium of an input, as they were posted."""

    __tablename__ = "media"

    input_number: Mapped[int] = mapped_column(Number, ForeignKey("inputs.number", ondelete="CASCADE"), primary_key=True)
    medium: Mapped[str] = mapped_column(Text, primary_key=True)
    content_type: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class ConceptRow(Base):
    """That an input has a concept, at its top or in a region."""

    __tablename__ = "concepts"
    __table_args__ = (Index("concepts_input", "concept_id", "input_number"),)

    input_number: Mapped[int] = mapped_column(Number, ForeignKey("inputs.number", ondelete="CASCADE"), primary_key=True)
    concept_id: Mapped[str] = mapped_column(Text, primary_key=True)
