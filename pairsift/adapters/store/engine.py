"""Opening the database: engines, transactions, the clock, the schema's version."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Dialect, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from pairsift.adapters.store.tables import UtcDateTime
from pairsift.adapters.store.views import create_views, drop_views
from pairsift.errors import StoreError

BUSY_TIMEOUT_S = 30
SQLITE_CACHE_KB = 65_536
"""Room for the index pages that a partition's 10,000 random uids touch: with SQLite's 2 MB those of a store of 3
million pairs are written twice, 98 MB instead of 45, since they do not stay until the commit."""
MAX_CONNECTIONS = 64
"""Of one process to PostgreSQL: one for each lane of a large machine; they are opened when they are needed."""
IDLE_CONNECTIONS = 1
"""Kept by a process while it needs none: fifty workers that kept SQLAlchemy's five would take 250 of the server's
usual 100. To open another takes some milliseconds, and a chunk's work some ten seconds."""
FULL = "53300"
FULL_WORDS = ("too many clients", "remaining connection slots", "too many connections")
"""What PostgreSQL says when all connections are taken; errors from before a connection stands have no code."""
TRIES, FIRST_WAIT_S = 8, 0.1
"""How often a connection is asked for that others have taken, and how long is waited first: twice as long each time."""
ALIVE = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "60000"}
"""PostgreSQL's host vanished: noticed in a minute, not in the two hours of most systems. The URL's own values win."""
LET_GO = (
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; "
    "SET idle_in_transaction_session_timeout = '5min'"
)
"""The same for the server: what a vanished or a suspended client holds locked is free again after a while."""
MIGRATIONS = Path(__file__).parent / "migrations"
_SCHEMA_LOCK = 7_075_316_021  # any constant: PostgreSQL's advisory lock held while the schema changes
_OLD = "the database at {} {}: run `pairsift db upgrade`"

Clock = Callable[[], datetime]


def open_engine(url: str, clock: Clock | None = None) -> Engine:
    """Open SQLite or PostgreSQL; nothing is connected yet, but SQLite's folder is made.

    `clock` replaces the time of leases, for tests: by default it is the database's own on PostgreSQL and the local
    one on SQLite, which only one host can use. StoreError if the URL names no database that Pairsift knows, or
    SQLite's folder cannot be made.
    """
    parsed = _parse(url)
    engine = _open_sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _open_postgresql(parsed)
    return engine if clock is None else engine.execution_options(clock=clock)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Not chained: the original repeats the URL, and with it a password.
        raise StoreError("the database URL cannot be read; expected sqlite:///PATH or postgresql://…") from None
    if parsed.drivername in {"sqlite", "sqlite+pysqlite"}:
        if parsed.database in {None, "", ":memory:"}:
            raise StoreError("an SQLite database in memory keeps nothing; expected sqlite:///PATH")
        return parsed
    if parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    raise StoreError(f"databases of type {parsed.drivername!r} are not supported; expected sqlite or postgresql")


def _open_sqlite(url: URL) -> Engine:
    folder = Path(url.database or "").absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the database's folder {folder} cannot be made: {error.strerror}; set PAIRSIFT_STORAGE or "
            "PAIRSIFT_DATABASE_URL to another place"
        ) from error
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver's own transaction control begins late and never immediately; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA cache_size = {-SQLITE_CACHE_KB}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later would fail at once, not wait, when another wrote between.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _open_postgresql(url: URL) -> Engine:
    url = url.set(query={**ALIVE, **url.query})
    overflow = MAX_CONNECTIONS - IDLE_CONNECTIONS
    engine = create_engine(url, pool_pre_ping=True, pool_size=IDLE_CONNECTIONS, max_overflow=overflow)
    event.listen(engine, "do_connect", _connect_patiently)
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _connect_patiently(
    dialect: Dialect, _: ConnectionPoolEntry, arguments: list[Any], options: dict[str, Any]
) -> DBAPIConnection:
    """Wait for a connection while all are taken: each is given back when its transaction has ended."""
    for wait_s in (FIRST_WAIT_S * 2**n for n in range(TRIES - 1)):
        try:
            return dialect.connect(*arguments, **options)
        except psycopg.OperationalError as error:
            if error.sqlstate != FULL and not any(words in str(error) for words in FULL_WORDS):
                raise
            time.sleep(wait_s * random.uniform(0.5, 1.5))  # so that those who wait do not come at once
    return dialect.connect(*arguments, **options)


def _prepare_postgresql(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(LET_GO)
    cursor.close()
    connection.commit()


def shown_url(engine: Engine) -> str:
    """Render the database's URL for people: without its password, wherever it stands."""
    return engine.url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open one write transaction: committed at the end, rolled back by any exception."""
    with engine.execution_options(writes=True).begin() as connection:
        yield connection


def now(connection: Connection) -> datetime:
    """Read the clock that leases go by."""
    clock: Clock | None = connection.get_execution_options().get("clock")
    if clock is not None:
        return clock()
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    return connection.execute(select(func.clock_timestamp(type_=UtcDateTime))).scalar_one()


def transient(error: BaseException) -> bool:
    """Say whether an error of the database may pass when the same work is tried again (locked, gone, deadlocked)."""
    return isinstance(
        error,
        OperationalError
        | InterfaceError
        | sqlite3.OperationalError
        | psycopg.OperationalError
        | psycopg.InterfaceError,
    )


def upgrade(url: str) -> None:
    """Bring the schema to this version, creating it where there is none; safe for several processes at once.

    Everything is one transaction. The views are made anew after the migrations, so that they fit the tables without
    their text being repeated in every migration; a change of a view alone needs an empty migration. StoreError if the
    database is newer or unreachable.
    """
    engine = open_engine(url)
    try:
        with _reached(engine), writing(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
            if _behind(connection) is None:
                return
            drop_views(connection)
            command.upgrade(alembic_config(connection), "head")
            create_views(connection)
    finally:
        engine.dispose()


def prepare(url: str) -> None:
    """Create the schema in an empty database; refuse one of another version, or an unreachable one (StoreError)."""
    engine = open_engine(url)
    try:
        if _is_empty(engine):
            upgrade(url)
        require_current(engine)
    finally:
        engine.dispose()


def open_existing(url: str) -> Engine | None:
    """Open a database that has its tables; None, and nothing is made, where there is none yet.

    StoreError for one of another version, or an unreachable one.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        return None
    engine = open_engine(url)
    if _is_empty(engine):
        engine.dispose()
        return None
    require_current(engine)
    return engine


def require_current(engine: Engine) -> None:
    """Refuse a database of another schema version, or an unreachable one, with a StoreError saying what to do."""
    with _reached(engine), engine.connect() as connection:
        reason = _behind(connection)
    if reason is not None:
        raise StoreError(_OLD.format(shown_url(engine), reason))


def alembic_config(connection: Connection | None = None) -> Config:
    """Make the configuration of Alembic's commands (upgrade, check, revision) for an open connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _is_empty(engine: Engine) -> bool:
    with _reached(engine), engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() is None


def _behind(connection: Connection) -> str | None:
    """Say how the schema is older than this version, None if it is current; StoreError if it is newer."""
    script = ScriptDirectory.from_config(alembic_config())
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision == script.get_current_head():
        return None
    if revision is None:
        return "has no tables yet"
    if revision in {known.revision for known in script.walk_revisions()}:
        return f"is at the older version {revision}"
    raise StoreError(f"the database at {shown_url(connection.engine)} is newer than this Pairsift: update Pairsift")


@contextmanager
def _reached(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise StoreError(f"the database at {shown_url(engine)} cannot be used: {error.orig}") from error
