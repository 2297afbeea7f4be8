"""Run by alembic: applies the migrations to the connection that `database.py` opened."""

from __future__ import annotations

from alembic import context

from seehear.projects.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
