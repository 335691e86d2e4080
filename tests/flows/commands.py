"""The command `pairsift` in processes of its own, watched through the database, and killed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from prefect.settings import PREFECT_API_URL
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

PAIRSIFT = Path(sys.executable).with_name("pairsift")
DEADLINE_S = 180
POLL_S = 0.01


def environment(storage: Path, *, own_server: bool) -> dict[str, str]:
    """Make the environment of a command: its own storage and Prefect home, and its own Prefect server or the tests'."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PAIRSIFT_"))}
    ours = {"PAIRSIFT_STORAGE": str(storage), "PREFECT_HOME": str(storage.with_name("prefect"))}
    return inherited | ours | ({} if own_server else {"PREFECT_API_URL": str(PREFECT_API_URL.value())})


@contextmanager
def started(arguments: Sequence[str], variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start the command; whatever is left of it and its children at the end is killed."""
    process = subprocess.Popen(
        [str(PAIRSIFT), *arguments],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)
        process.communicate()


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a command and all that it started, at once and without a word."""
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
    process.wait(DEADLINE_S)


def wait_for(process: subprocess.Popen[str], store: Engine, query: str) -> None:
    """Wait until a query on the command's database finds something, which must be before the command ends."""
    deadline = time.monotonic() + DEADLINE_S
    while not found(store, query):
        assert time.monotonic() < deadline, f"nothing after {DEADLINE_S} s: {query}"
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
            raise AssertionError(f"it ended before {query}: {process.communicate()}")


@contextmanager
def frozen(process: subprocess.Popen[str], database: Path) -> Iterator[None]:
    """Stop a command where it is, but not within a write to its database; it goes on at the end."""
    deadline = time.monotonic() + DEADLINE_S
    while not _stopped_between_writes(process, database):
        assert time.monotonic() < deadline, "it writes without a pause"
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def _stopped_between_writes(process: subprocess.Popen[str], database: Path) -> bool:
    process.send_signal(signal.SIGSTOP)
    with closing(sqlite3.connect(database, timeout=0.2, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            return False
    return True


def found(store: Engine, query: str) -> int:
    """Count what a query finds; nothing while there are no tables yet."""
    try:
        with store.connect() as connection:
            return int(connection.execute(text(query)).scalar_one())
    except (OperationalError, ProgrammingError):
        return 0


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a `run --json` to end; its standard output must be one JSON object."""
    out, _ = process.communicate(timeout=DEADLINE_S)
    summary: dict[str, Any] = json.loads(out)
    return summary
