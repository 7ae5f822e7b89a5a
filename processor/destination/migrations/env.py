"""What Alembic runs: the migrations, on the connection and in the transaction that `processor.destination.database` hands in."""

from __future__ import annotations

from alembic import context

from processor.destination.models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True)
context.run_migrations()
