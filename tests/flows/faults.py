"""What goes wrong in a command, by replacing functions in its own process: the shipped code has no such places."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

Act = Callable[..., None]
STAGES = (
    "tasks.plan.plan_run",
    "tasks.attempt.claim_partition",
    "tasks.ingest.ingest_partition",
    "tasks.recall.recall_pairs",
    "tasks.preprocess.preprocess_chunk",
    "tasks.score.score_chunk",
    "tasks.threshold.threshold_partition",
    "tasks.export.export_partition",
    "tasks.export.commit_partition",
    "tasks.finish.finish_run",
)


def kill(*_: object) -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop(*_: object) -> None:
    """Stop this process, all its threads, until it is sent SIGCONT; this thread before its next step.

    A signal to the process stops the main thread first: in a third of the tries this one went on for a moment, and
    could begin a transaction that holds SQLite's lock for as long as the process stands still.
    """
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def terminate(*_: object) -> None:
    """Ask this process to end, as a supervisor does."""
    os.kill(os.getpid(), signal.SIGTERM)


def interrupt(*_: object) -> None:
    """Do as Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def halve_and_kill(path: Path, *_: object) -> None:
    """Leave half of a file that was just written, and end."""
    os.truncate(path, path.stat().st_size // 2)
    kill()


def any_call(*_: object) -> bool:
    return True


def of_a_manifest(path: Path) -> bool:
    return "manifest.json" in path.name


@dataclass(frozen=True)
class Fault:
    """Something that happens at the n-th call of a function, with the call's arguments.

    `target` names the function where it is looked up, as for monkeypatch; calls that do not `concern` it do not count.
    """

    target: str
    act: Act = kill
    call: int = 1
    after: bool = False
    concerns: Callable[..., bool] = any_call

    def install(self) -> None:
        module_name, _, name = self.target.rpartition(".")
        module = import_module(module_name)
        setattr(module, name, self._faulty(getattr(module, name)))

    def _faulty(self, function: Callable[..., Any]) -> Callable[..., Any]:
        calls = count(1)

        @wraps(function)
        def faulty(*args: Any, **options: Any) -> Any:
            due = self.concerns(*args) and next(calls) == self.call
            if due and not self.after:
                self.act(*args)
            result = function(*args, **options)
            if due and self.after:
                self.act(*args)
            return result

        return faulty


@dataclass(frozen=True)
class ShortRetries:
    """Tasks that are tried again after `delay_s` each time."""

    delay_s: float

    def install(self) -> None:
        for name in STAGES:
            module_name, _, task_name = name.rpartition(".")
            task = getattr(import_module(module_name), task_name)
            task.retry_delay_seconds = [self.delay_s] * task.retries
