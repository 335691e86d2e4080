"""The servers that runs depend on go away and come back: the runs go on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.production import flow_runs
from tests.production.curation import curated, problems, shards, start, undisturbed, wait_for_rows, write_policy
from tests.production.installation import Installation
from tests.production.postgresql import PostgreSQL
from tests.production.prefect_server import PrefectServer
from tests.production.workers import Workers

pytestmark = pytest.mark.production


@pytest.fixture(params=["Prefect server", "PostgreSQL"])
def restart(request: pytest.FixtureRequest, deployed: PrefectServer, postgresql: PostgreSQL) -> Callable[[], None]:
    """Let one of the servers go without a word, and come back."""

    def restart_prefect_server() -> None:
        deployed.kill()
        deployed.start()

    def restart_postgresql() -> None:
        postgresql.stop()
        postgresql.start()

    return {"Prefect server": restart_prefect_server, "PostgreSQL": restart_postgresql}[request.param]


def test_a_server_that_goes_away_and_comes_back_during_a_run_costs_nothing(
    *,
    workers: Workers,
    installation: Installation,
    restart: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    source, policy = shards(tmp_path / "source", partitions=2, pairs=40), write_policy(tmp_path)
    expected = undisturbed(source, policy, tmp_path / "undisturbed", monkeypatch)
    workers.start("parents")
    workers.start("partitions", limit=1)
    parent = start(source, policy)
    wait_for_rows("SELECT count(*) FROM chunk", "a chunk is scored")

    restart()

    assert flow_runs.wait_for(parent, deadline_s=400).state_name == "Completed"
    assert curated(installation) == expected
    assert problems(installation) == []
