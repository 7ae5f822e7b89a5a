"""Inputs, the bytes of their media, and their concepts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "inputs",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("app_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("created_at_us", sa.BigInteger, nullable=False),
        sa.Column("collector", sa.Text),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("media", sa.Text, nullable=False),
        sa.UniqueConstraint("user_id", "app_id", "id", name="inputs_id"),
    )
    op.create_index("inputs_created", "inputs", ["user_id", "app_id", "created_at_us", "number"])
    op.create_index("inputs_collector", "inputs", ["user_id", "app_id", "collector", "created_at_us", "number"])
    op.create_table(
        "media",
        sa.Column("input_number", NUMBER, sa.ForeignKey("inputs.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("medium", sa.Text, primary_key=True),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "concepts",
        sa.Column("input_number", NUMBER, sa.ForeignKey("inputs.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("concept_id", sa.Text, primary_key=True),
    )
    op.create_index("concepts_input", "concepts", ["concept_id", "input_number"])


def downgrade() -> None:
    """Drop the tables, and all inputs with them."""
    for table in ("concepts", "media", "inputs"):
        op.drop_table(table)
