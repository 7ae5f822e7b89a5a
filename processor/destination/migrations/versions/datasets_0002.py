"""Which datasets an input is in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; inputs that are there are in none."""
    op.add_column("inputs", sa.Column("dataset_ids", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column, and with it who is in which."""
    op.drop_column("inputs", "dataset_ids")
