"""What goes wrong in a night: workers and flow processes killed at random moments, and new workers started."""

import random
import time
from collections import Counter
from collections.abc import Callable
from uuid import UUID

import psutil

from tests.production import flow_runs
from tests.production.processes import Logged, kill
from tests.production.workers import Workers

PAUSE_S = (4.0, 12.0)
"""Between two strikes: a partition's process takes some ten seconds, most of them to start."""


class Nemesis:
    """Keeps three partitions' workers and a parents' worker running, and kills them or what they execute."""

    def __init__(self, workers: Workers, seed: int, strikes: int) -> None:
        self._workers = workers
        self._random = random.Random(seed)
        self._left = strikes
        self._parents = workers.start("parents")
        self._partitions = [workers.start("partitions", limit=1) for _ in range(3)]
        self.struck: Counter[str] = Counter()

    def strike_until_completed(self, start: Callable[[], UUID], deadline_s: float) -> list[UUID]:
        """Start a run, and another one when it has failed, until one completes; return all their ids."""
        deadline = time.monotonic() + deadline_s
        runs = [start()]
        while (state := flow_runs.read(runs[-1]).state_name) != "Completed":
            assert time.monotonic() < deadline, f"{len(runs)} runs, the last is {state}; {self.struck}"
            if state in ("Failed", "Crashed"):
                runs.append(start())
            time.sleep(self._random.uniform(*PAUSE_S))
            if self._left:
                self._left -= 1
                self._strike()
        return runs

    def _strike(self) -> None:
        what = self._random.choices(
            ["flow process", "worker", "worker and its processes", "worker by SIGTERM", "parent"], [10, 4, 4, 2, 1]
        )[0]
        self.struck[what] += 1
        if what == "parent":
            kill(children(self._parents))
        elif what == "flow process":
            kill(children(self._random.choice(self._partitions))[:1])
        else:
            self._replace(what, self._random.randrange(3))

    def _replace(self, how: str, number: int) -> None:
        worker = self._partitions[number]
        if how == "worker":
            worker.kill()
        elif how == "worker by SIGTERM":
            worker.terminate()
        else:
            worker.kill_family()
        self._partitions[number] = self._workers.start("partitions", limit=1)


def children(worker: Logged) -> list[psutil.Process]:
    """Give the processes that a worker has started."""
    return worker.family()[1:]
