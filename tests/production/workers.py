"""Process workers of the test bed: started on a queue, told apart from their flow processes, killed."""

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID, uuid4

import psutil

from tests.production.processes import PREFECT, Logged, holding, inherited, kill, started

BED = "PAIRSIFT_TEST_BED"
"""The environment variable by which every process of one bed is found, orphans too."""


class Workers:
    """All workers of a test; `close` ends them and whatever they left behind."""

    def __init__(self, api_url: str, folder: Path, logs: Path, variables: Mapping[str, str]) -> None:
        self._bed = str(uuid4())
        self._folder = folder
        self._logs = logs
        self._started: list[Logged] = []
        self._variables = {
            **inherited(),
            "PREFECT_API_URL": api_url,
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            BED: self._bed,
            **variables,
        }

    def start(self, queue: str, limit: int | None = None, **variables: str) -> Logged:
        """Start a worker on a queue; more environment variables are those of this one alone."""
        name = f"{queue}-{len(self._started) + 1}"
        home = self._folder / name
        home.mkdir(parents=True)
        command = [str(PREFECT), "worker", "start", "--pool", "pairsift", "--work-queue", queue, "--name", name]
        limited = [] if limit is None else ["--limit", str(limit)]
        environment = {**self._variables, "PREFECT_HOME": str(home / "prefect"), **variables}
        self._started.append(started([*command, *limited], environment, home, self._logs / f"{name}.log"))
        return self._started[-1]

    def flow_processes(self, flow_run_id: UUID | str) -> list[psutil.Process]:
        """Find the processes that execute a flow run, whether their worker lives or not."""
        ours = {process.pid for process in holding(BED, self._bed)}
        return [process for process in holding("PREFECT__FLOW_RUN_ID", str(flow_run_id)) if process.pid in ours]

    def close(self) -> None:
        """Kill the workers, and every process that one of them started, whether it knows of it or not."""
        for worker in self._started:
            worker.kill()
        while left := holding(BED, self._bed):
            kill(left)
