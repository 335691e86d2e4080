"""Alembic's entry: migrations run on the connection, and in the transaction, of whoever calls `upgrade`."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from pairsift.adapters.store.tables import UtcDateTime, metadata


def render_item(kind: str, item: object, _: AutogenContext) -> str | Literal[False]:
    """Write our type into a new migration as what it is in the database: a migration must not change with our code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=render_item,
    render_as_batch=True,  # SQLite changes a table by copying it
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
