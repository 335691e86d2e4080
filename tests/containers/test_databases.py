"""The script that makes the databases, run against a real PostgreSQL as its image would run it."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pairsift.adapters.store.engine import upgrade
from tests.production.postgresql import PostgreSQL

SCRIPT = Path(__file__).parents[2] / "docker" / "databases.sh"


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[PostgreSQL]:
    """Start PostgreSQL, and let the script make what it makes, with passwords that need care."""
    for name in ("prefect", "pairsift"):
        (tmp_path / f"{name}_password").write_text(f'it\'s {name} \\ "so"')
    with tempfile.TemporaryDirectory(prefix="pairsift-pg-", ignore_cleanup_errors=True) as folder:
        server = PostgreSQL(Path(folder))
        path = f"{server.commands}:{os.environ['PATH']}"
        known = {"PGHOST": str(Path(folder) / "data"), "SECRETS": str(tmp_path), "PATH": path}
        try:
            subprocess.run(["sh", str(SCRIPT)], env=os.environ | known, check=True, stdout=subprocess.DEVNULL)
            yield server
        finally:
            server.close()


def answer(postgresql: PostgreSQL, database: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(postgresql.url(database)) as connection:
        return connection.execute(question.encode()).fetchall()


def test_both_databases_are_there_with_their_owners(postgresql: PostgreSQL):
    owners = answer(
        postgresql,
        "postgres",
        "SELECT datname, rolname, rolsuper FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba ORDER BY datname",
    )

    assert [row for row in owners if row[0] in {"pairsift", "prefect"}] == [
        ("pairsift", "pairsift", False),
        ("prefect", "prefect", False),
    ]
    assert answer(postgresql, "prefect", "SELECT extname FROM pg_extension WHERE extname = 'pg_trgm'") == [("pg_trgm",)]
    passwords = answer(postgresql, "postgres", "SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL ORDER BY 1")
    assert passwords == [("pairsift",), ("prefect",)]
    url = postgresql.url("pairsift").replace("postgres:@", "pairsift:@")
    upgrade(url)
    assert answer(postgresql, "pairsift", "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == [
        ("pairsift",)
    ]
