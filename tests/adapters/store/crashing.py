"""A process killed at the n-th point of its second life in the protocol: statement, commit, return or row."""

import multiprocessing
import os
import signal
from dataclasses import dataclass

from sqlalchemy import Engine, event

from pairsift.adapters.store.engine import open_engine
from tests.adapters.store.lives import live

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["pairsift.adapters.store.queries"])


@dataclass(eq=False)
class KillAt:
    """Counts the points passed and kills its own process, as `kill -9` would, at one of them."""

    point: int
    passed: int = 0

    def __call__(self, *_: object) -> None:
        self.passed += 1
        if self.passed == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


def live_in_a_process_killed_at(point: int, url: str, dataset_name: str) -> int:
    """Start such a process and wait for it; return its exit code, 0 if it has fewer points."""
    process = _processes.Process(target=_live_twice, args=(url, dataset_name, KillAt(point)))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _live_twice(url: str, dataset_name: str, kill: KillAt) -> None:
    engine = open_engine(url)
    live(engine, dataset_name, dropped=0)
    _call_at_every_point(engine, kill)
    live(engine, dataset_name, dropped=2, tick=kill)


def _call_at_every_point(engine: Engine, kill: KillAt) -> None:
    event.listen(engine, "before_cursor_execute", kill)
    event.listen(engine, "commit", kill)  # just before the commit is sent
    event.listen(engine.pool, "checkin", kill)  # just after a transaction's end
