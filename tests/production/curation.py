"""Runs of the deployment curate/manual over small sources, and what a single undisturbed process makes of the same."""

import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from sqlalchemy import Engine, text

from pairsift.adapters.checking import check
from pairsift.adapters.store.queries import status
from tasks import workplace
from tests.flows.running import files_of, lineage, run
from tests.production import flow_runs
from tests.production.installation import Installation
from tests.production.processes import PREFECT, inherited, wait_until
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import cut

CHUNK_PAIRS = 2
EPOCH = datetime.fromtimestamp(0, UTC)
DEADLINE_S = 400


@dataclass(frozen=True)
class Curated:
    """What is committed of a source: a row a pair without times, places and runs, and the exported files' bytes."""

    rows: list[tuple[Any, ...]]
    files: dict[str, bytes]


def shards(folder: Path, partitions: int, pairs: int) -> Path:
    """Write shards of `pairs` pairs of the sample each, starting over where it ends."""
    for number in range(partitions):
        first = number * pairs
        cut(folder / f"{number:03d}.tar", [(first + offset) % 155 + 1 for offset in range(pairs)])
    return folder


def request(source: Path, policy: Path, config: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Fill in the form of curate/manual so that workers do the work; `config` adds to it."""
    filled = {"policy": str(policy), "chunk_pairs": CHUNK_PAIRS, "dispatch": {"work_pool": "pairsift"}, **config}
    return {"request": {"source": str(source), "config": filled}}


def start(source: Path, policy: Path, config: Mapping[str, Any] = MappingProxyType({})) -> UUID:
    """Start a run of curate/manual; return its id."""
    return flow_runs.start("curate/manual", request(source, policy, config))


def retry(flow_run_id: UUID) -> None:
    """Do what the button Retry does, by Prefect's own command; the server may take a moment to know the run's end."""
    with get_client(sync_client=True) as client:
        api_url = str(client.api_url)
    variables = inherited() | {"PREFECT_API_URL": api_url}
    command = [str(PREFECT), "flow-run", "retry", str(flow_run_id)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def partition_runs(parent: UUID) -> list[FlowRun]:
    """Read the runs of partitions that a run started, the first one first."""
    runs = [each for each in flow_runs.runs_of("curate-partition") if of_parent(each) == str(parent)]
    return sorted(runs, key=lambda each: each.created or EPOCH)


def of_parent(partition_run: FlowRun) -> str | None:
    """Name the run that a partition's run belongs to."""
    name: str | None = partition_run.parameters.get("job", {}).get("run_id")
    return name


def wait_for_partition_run(parent: UUID, states: Collection[StateType | None], key: str | None = None) -> FlowRun:
    """Wait until a partition's run of a parent is in one of the states; return the latest such run."""
    found: list[FlowRun] = []

    def reached() -> bool:
        found[:] = [
            each
            for each in partition_runs(parent)
            if each.state_type in states and key in (None, each.parameters["job"]["key"])
        ]
        return bool(found)

    wait_until(f"a partition of {parent} is in {list(states)}", reached, DEADLINE_S)
    return found[-1]


def wait_for_rows(query: str, claim: str) -> None:
    """Wait until a query on Pairsift's database counts something."""
    wait_until(claim, lambda: count(query) > 0, DEADLINE_S)


def count(query: str) -> int:
    """Run a counting query on Pairsift's database."""
    with workplace.store().connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def curated(installation: Installation) -> Curated:
    """Read what is committed in an installation."""
    return Curated(lineage(workplace.store()), files_of(installation.storage / "exports"))


def problems(installation: Installation) -> list[Any]:
    """Look for anything lost, doubled or damaged, in the rows and in the files."""
    return list(check(workplace.store(), installation.storage, repair=False).problems)


def states(store: Engine | None = None) -> dict[object, object]:
    """Tell every partition's state by its key."""
    return {row["partition"]: row["status"] for row in status(store or workplace.store())}


def undisturbed(source: Path, policy: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Curated:
    """Curate a source in this one process, on SQLite, into a folder of its own."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("PAIRSIFT_STORAGE", str(folder))
        elsewhere.delenv("PAIRSIFT_DATABASE_URL")
        summary = run(source, policy, chunk_pairs=CHUNK_PAIRS)
        assert summary["failed"] == []
        made = Curated(lineage(workplace.store()), files_of(folder / "exports"))
        workplace.store().dispose()
    return made


def write_policy(folder: Path) -> Path:
    """Write a policy that needs no large partitions."""
    return fixed_cut(folder)
