"""Processes of the test bed: each in a session of its own, logged to a file, ended by its id."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

PREFECT = Path(sys.executable).with_name("prefect")
END_S = 30
"""Seconds that a process gets to end when it is asked to, or when it was killed."""


@dataclass(frozen=True)
class Logged:
    """A process, and the file that its output goes to."""

    process: subprocess.Popen[bytes]
    log: Path

    def family(self) -> list[psutil.Process]:
        """Give the process and, after it, all that descend from it, as they are now."""
        with suppress(psutil.NoSuchProcess):
            return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        return []

    def terminate(self) -> None:
        """Ask the process to end, and wait until it has; those that it started may still be at it."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(END_S)
        self.kill()

    def kill(self) -> None:
        """Kill the process alone; those that it started live on."""
        self.process.kill()
        self.process.wait(END_S)

    def kill_family(self) -> None:
        """Kill the process and all that descend from it, as when their machine dies."""
        descendants = self.family()[1:]
        self.process.kill()
        kill(descendants)
        self.process.wait(END_S)


def started(command: Sequence[str], variables: Mapping[str, str], folder: Path, log: Path) -> Logged:
    """Start a command in a folder, with exactly these environment variables; its output is appended to its log."""
    with log.open("a") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Logged(process, log)


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill processes that are not children of the tests, all before any is waited for."""
    killed = list(processes)
    for process in killed:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(killed, END_S)


def holding(variable: str, value: str) -> list[psutil.Process]:
    """Find the processes with an environment variable of this value: also those whose parent is gone."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.environ().get(variable) == value:
                found.append(process)
    return found


def inherited() -> dict[str, str]:
    """The environment of the tests without what it says of Prefect and Pairsift."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PAIRSIFT_"))}


def wait_until(claim: str, holds: Callable[[], object], deadline_s: float, poll_s: float = 0.2) -> None:
    """Wait until something holds; fail with `claim` when it does not in time."""
    deadline = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < deadline, f"after {deadline_s} s still not so: {claim}"
        time.sleep(poll_s)


def tail(log: Path, lines: int = 60) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
