"""Makes a database let go of bytes that were deleted, as far as it can be made to."""

import sqlite3
from typing import cast

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

REWRITTEN = "the database file was rewritten, and its log emptied"
SWEPT = (
    "deleted rows were vacuumed; their bytes may linger in free space until it is used again (VACUUM FULL rewrites the "
    "tables), and in the WAL, archives, replicas and backups"
)


def sweep(engine: Engine) -> tuple[bool, str]:
    """Vacuum the database; say whether it was, and what may be left.

    SQLite is written anew, which takes as much room again as the database has, and its log is emptied: that needs a
    moment without readers. PostgreSQL gives the place of deleted rows free, and writes over it in time.
    """
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if connection.dialect.name == "sqlite":
                return _rewrite(cast("sqlite3.Connection", connection.connection.driver_connection))
            connection.exec_driver_sql("VACUUM")
    except (DBAPIError, sqlite3.Error) as error:
        return False, f"the database could not be vacuumed ({' '.join(str(error).split())[:200]}): run the same again"
    return True, SWEPT


def empty_log(engine: Engine) -> bool:
    """Let go of what was deleted last, from tables that were vacuumed; False if others read just now."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "sqlite":
            return _empty_log(cast("sqlite3.Connection", connection.connection.driver_connection))
        connection.exec_driver_sql("VACUUM takedown")
    return True


def _rewrite(driver: sqlite3.Connection) -> tuple[bool, str]:
    driver.execute("VACUUM")
    if not _empty_log(driver):
        return False, "the database's log could not be emptied, since others read it: run the same again"
    return True, REWRITTEN


def _empty_log(driver: sqlite3.Connection) -> bool:
    (busy, _, _) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
