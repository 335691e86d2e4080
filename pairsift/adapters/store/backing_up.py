"""Copies an SQLite database while it is in use."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import cast

from sqlalchemy import Engine

from pairsift.adapters.durable import FileFacts, write_durably
from pairsift.errors import ConfigError

PAGES_AT_ONCE = 4096
"""Copied between two looks at whether somebody has written: 16 MB, so that a writer never waits long."""


def back_up(engine: Engine, target: Path) -> FileFacts:
    """Copy the database as it is at one moment, while others read and write it; the copy is whole or not there.

    ConfigError for PostgreSQL, which has its own tools for that, and where the target is there already.
    """
    if engine.dialect.name != "sqlite":
        raise ConfigError(f"this database is PostgreSQL's: pg_dump --format=custom --file={target} copies it")
    if target.exists():
        raise ConfigError(f"{target} is there already: give another name, so that no backup is lost")
    return write_durably(target, lambda path: _copy(engine, path))


def _copy(engine: Engine, path: Path) -> None:
    with engine.connect() as connection, closing(sqlite3.connect(path)) as copy:
        source = cast("sqlite3.Connection", connection.connection.driver_connection)
        source.backup(copy, pages=PAGES_AT_ONCE)
        copy.execute("PRAGMA journal_mode = DELETE")  # a single file, that can be moved
