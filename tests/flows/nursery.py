"""A process with everything imported and the models loaded, which forks one for a command in no time."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest
from prefect.settings import PREFECT_API_URL

import flows.curate  # noqa: F401 - imported for all that are forked
from pairsift.cli import main
from pairsift.cli.running import PREFECT_DEFAULTS
from pairsift.config import ScoreConfig
from pairsift.models.device import limit_threads
from pairsift.models.encoder import load_encoder
from tests.flows.commands import environment
from tests.flows.places import Place

DEADLINE_S = 120
POLL_S = 0.01
ENVIRONMENT = PREFECT_DEFAULTS | {
    # Both cost time and are of no use to a server beside the tests.
    "PREFECT_API_TLS_INSECURE_SKIP_VERIFY": "true",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}
"""What Prefect reads when it is imported."""


class Hindrance(Protocol):
    """Something that goes wrong in a command: replaces functions before it starts."""

    def install(self) -> None: ...


@dataclass(frozen=True)
class Command:
    """A command of `pairsift`: its arguments, its environment, a folder for its output, and what goes wrong in it."""

    arguments: tuple[str, ...]
    variables: Mapping[str, str]
    output: Path
    hindrances: Sequence[Hindrance] = ()


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, minus the signal's number if one killed it, and what it wrote."""

    exit_code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """What `run --json` printed."""
        summary: dict[str, Any] = json.loads(self.out)
        return summary

    @property
    def killed(self) -> bool:
        return self.exit_code == -signal.SIGKILL


class Nursery:
    """The tests' end of it."""

    def __init__(self, orders: Connection) -> None:
        self._orders = orders
        self._outputs: dict[int, Path] = {}
        self._numbers = count(1)

    def start(self, arguments: Sequence[str], there: Place, *hindrances: Hindrance) -> int:
        """Start a command that works there; give its process id."""
        variables = environment(there.storage, own_server=False) | {"PAIRSIFT_DATABASE_URL": there.url}
        output = there.storage.with_name(f"output-{next(self._numbers)}")
        self._orders.send(Command(tuple(arguments), variables, output, hindrances))
        pid = self._answer_to("start")
        self._outputs[pid] = output
        return pid

    def wait_until(self, pid: int, holds: Callable[[], object]) -> None:
        """Wait until something holds, which must be before the command ends."""
        deadline = time.monotonic() + DEADLINE_S
        while not holds():
            assert time.monotonic() < deadline, f"still not so after {DEADLINE_S} s"
            assert not has_ended(pid), self.end_of(pid)
            time.sleep(POLL_S)

    def wait(self, pid: int, seconds: float) -> None:
        """Wait for some time, or until a command has ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not has_ended(pid):
            time.sleep(POLL_S)

    def end_of(self, pid: int) -> Ended:
        """Wait for a command's end."""
        self._orders.send(pid)
        exit_code = self._answer_to(pid)
        output = self._outputs.pop(pid)
        return Ended(exit_code, (output / "out").read_text(), (output / "err").read_text())

    def run(self, arguments: Sequence[str], there: Place, *hindrances: Hindrance) -> Ended:
        """Start a command that works there and wait for its end."""
        return self.end_of(self.start(arguments, there, *hindrances))

    def kill(self, pid: int) -> Ended:
        """Kill a command, unless it has ended already."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self.end_of(pid)

    def _answer_to(self, question: object) -> int:
        """Wait for an answer, past those that a test was too impatient for."""
        while self._orders.poll(DEADLINE_S):
            asked, answer = self._orders.recv()
            if asked == question:
                return int(answer)
        raise AssertionError(f"no answer to {question} after {DEADLINE_S} s")

    def kill_all(self) -> None:
        for pid in self._outputs:
            os.kill(pid, signal.SIGKILL)


def has_ended(pid: int) -> bool:
    """Say whether a command has ended; the nursery still knows how."""
    return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


@contextmanager
def open_nursery() -> Iterator[Nursery]:
    """Start the process, for commands that report to the tests' server; at the end all that it forked is gone."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=fork_commands, args=(theirs,))
    with pytest.MonkeyPatch.context() as environment:
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        environment.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
        process.start()
    nursery = Nursery(ours)
    try:
        yield nursery
    finally:
        nursery.kill_all()
        ours.send(None)
        process.join()


def fork_commands(orders: Connection) -> None:
    """Start commands and wait for their ends, as asked; this process has one thread of Python, so that it may fork."""
    limit_threads(1)
    load_encoder(ScoreConfig())
    children: dict[int, BaseProcess] = {}
    while (order := orders.recv()) is not None:
        if isinstance(order, Command):
            child = multiprocessing.get_context("fork").Process(target=execute, args=(order,))
            child.start()
            children[child.pid or 0] = child
            orders.send(("start", child.pid))
        else:
            ended = children.pop(order)
            ended.join()
            orders.send((order, ended.exitcode))


def execute(command: Command) -> None:
    """Do what the script `pairsift` does."""
    os.environ.clear()
    os.environ.update(command.variables)
    command.output.mkdir(parents=True, exist_ok=True)
    for name, descriptor in (("out", 1), ("err", 2)):
        os.dup2(os.open(command.output / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    for hindrance in command.hindrances:
        hindrance.install()
    sys.argv = ["pairsift", *command.arguments]
    main()
