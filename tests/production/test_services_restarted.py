"""The servers that runs depend on go away and come back: the runs go on."""

from pathlib import Path

import pytest

from tests.production import flow_runs
from tests.production.curation import (
    curated,
    problems,
    shards,
    start,
    undisturbed,
    wait_for_rows,
    write_policy,
)
from tests.production.installation import Installation
from tests.production.postgresql import PostgreSQL
from tests.production.prefect_server import PrefectServer
from tests.production.workers import Workers

pytestmark = pytest.mark.production

CHUNKS = "SELECT count(*) FROM chunk"


def test_a_prefect_server_killed_and_started_again_during_a_run_costs_nothing(
    *, workers: Workers, installation: Installation, deployed: PrefectServer, tmp_path: Path, monkeypatch
):
    source, policy = shards(tmp_path / "source", partitions=2, pairs=40), write_policy(tmp_path)
    expected = undisturbed(source, policy, tmp_path / "undisturbed", monkeypatch)
    workers.start("parents")
    workers.start("partitions", limit=1)
    parent = start(source, policy)
    wait_for_rows(CHUNKS, "a chunk is scored")

    deployed.kill()
    deployed.start()

    assert flow_runs.wait_for(parent, deadline_s=400).state_name == "Completed"
    assert curated(installation) == expected
    assert problems(installation) == []


def test_a_postgresql_stopped_and_started_again_during_a_run_costs_nothing(
    *, workers: Workers, installation: Installation, postgresql: PostgreSQL, tmp_path: Path, monkeypatch
):
    source, policy = shards(tmp_path / "source", partitions=2, pairs=40), write_policy(tmp_path)
    expected = undisturbed(source, policy, tmp_path / "undisturbed", monkeypatch)
    workers.start("parents")
    workers.start("partitions", limit=1)
    parent = start(source, policy)
    wait_for_rows(CHUNKS, "a chunk is scored")

    postgresql.stop()
    postgresql.start()

    assert flow_runs.wait_for(parent, deadline_s=400).state_name == "Completed"
    assert curated(installation) == expected
    assert problems(installation) == []
