"""The automation that ends a run whose machine died without a word."""

from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType

from tests.production import flow_runs
from tests.production.curation import partition_runs, shards, start, write_policy
from tests.production.processes import wait_until
from tests.production.webhook import Webhook
from tests.production.workers import Workers


@pytest.mark.production
def test_a_run_whose_machine_died_is_crashed_by_its_missing_heartbeats(
    workers: Workers, webhook: Webhook, tmp_path: Path
):
    worker = workers.start("parents")
    run = start(shards(tmp_path / "source", partitions=1, pairs=2), write_policy(tmp_path))
    wait_until("the run waits for its partition, which no worker takes", lambda: partition_runs(run), 120)

    worker.kill_family()

    ended = flow_runs.wait_for(run, deadline_s=300)
    assert ended.state_type is StateType.CRASHED
    assert ended.state is not None
    assert ended.state.message == "no heartbeat for 150 s"
    assert webhook.about(f"/runs/flow-run/{run}")["body"].startswith("no heartbeat for 150 s\n")
