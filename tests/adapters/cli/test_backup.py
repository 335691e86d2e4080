"""A database that was copied while it was written to, and brought back, is whole."""

import json
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from pairsift.adapters.store.backing_up import back_up
from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.registry import register_dataset
from pairsift.adapters.store.tables import dataset
from pairsift.errors import ConfigError
from tasks import workplace
from tests.command_line import Command


def told(pairsift: Command, *arguments: object) -> dict[str, Any]:
    code, out, error = pairsift(*arguments, "--json")
    assert code == 0, error
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_restored_backup_is_whole_and_check_is_clean(pairsift: Command, curated: Path, tmp_path: Path):
    before = told(pairsift, "explain", "000000003")
    copy = tmp_path / "backups" / "pairsift.db"

    told(pairsift, "db", "backup", copy)
    shutil.copytree(curated / "chunks", tmp_path / "backups" / "chunks")
    workplace.store().dispose()
    for name in ("pairsift.db", "pairsift.db-wal", "pairsift.db-shm"):
        (curated / name).unlink(missing_ok=True)
    shutil.rmtree(curated / "chunks")
    shutil.copy(copy, curated / "pairsift.db")
    shutil.copytree(tmp_path / "backups" / "chunks", curated / "chunks")

    assert told(pairsift, "check")["problems"] == []
    assert told(pairsift, "explain", "000000003") == before


def test_a_backup_is_of_one_moment_while_others_write(storage: Path, pairsift: Command, tmp_path: Path):
    told(pairsift, "db", "upgrade")
    engine = open_engine(f"sqlite:///{storage / 'pairsift.db'}")
    stop = threading.Event()

    def keep_writing() -> None:
        number = 0
        while not stop.is_set():
            register_dataset(engine, f"data set {number}")
            number += 1

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        back_up(engine, tmp_path / "copy.db")
    finally:
        stop.set()
        writer.join()

    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        names = [name for (name,) in copy.execute("SELECT name FROM dataset ORDER BY id")]
    assert names == [f"data set {number}" for number in range(len(names))]
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(dataset)).scalar_one() >= len(names)
    engine.dispose()
    copy.close()


def test_a_backup_is_never_written_over(pairsift: Command, storage: Path, tmp_path: Path):  # noqa: ARG001 - of its own
    told(pairsift, "db", "upgrade")
    told(pairsift, "db", "backup", tmp_path / "copy.db")

    code, _, error = pairsift("db", "backup", tmp_path / "copy.db")

    assert code == 2
    assert "is there already" in error


def test_of_postgresql_it_is_said_how():
    with pytest.raises(ConfigError, match=r"pg_dump --format=custom --file=/backups/a\.dump"):
        back_up(open_engine("postgresql://nobody@nowhere/pairsift"), Path("/backups/a.dump"))
