"""Partitions on workers: the same rows and bytes as in one process, whatever is killed on the way."""

import logging
from collections import Counter
from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType

from tests.production import flow_runs
from tests.production.curation import (
    curated,
    partition_runs,
    problems,
    shards,
    start,
    undisturbed,
    wait_for_partition_run,
    write_policy,
)
from tests.production.installation import Installation
from tests.production.nemesis import Nemesis
from tests.production.workers import Workers

LOGGER = logging.getLogger(__name__)
RUN_S = 400
PATIENT = {"dispatch": {"work_pool": "pairsift", "tries": 5, "stuck_after_s": 120}}


@pytest.mark.production
def test_two_workers_do_as_one_process_and_a_lost_partition_is_started_again(
    workers: Workers, installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    source, policy = shards(tmp_path / "source", partitions=4, pairs=6), write_policy(tmp_path)
    expected = undisturbed(source, policy, tmp_path / "undisturbed", monkeypatch)
    workers.start("parents")
    workers.start("partitions", limit=1)
    workers.start("partitions", limit=1)

    parent = start(source, policy)
    victim = wait_for_partition_run(parent, [StateType.RUNNING])
    for process in workers.flow_processes(victim.id):
        process.kill()
    ended = flow_runs.wait_for(parent, deadline_s=RUN_S)

    assert ended.state_name == "Completed", flow_runs.describe(partition_runs(parent))
    assert curated(installation) == expected
    assert problems(installation) == []
    assert Counter(each.state_name for each in partition_runs(parent)) == {"Completed": 4, "Crashed": 1}


@pytest.mark.production
def test_sixty_partitions_survive_random_kills_of_workers_and_flow_processes(
    workers: Workers, installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    source, policy = shards(tmp_path / "source", partitions=60, pairs=6), write_policy(tmp_path)
    expected = undisturbed(source, policy, tmp_path / "undisturbed", monkeypatch)
    nemesis = Nemesis(workers, seed=20261123, strikes=40)

    runs = nemesis.strike_until_completed(lambda: start(source, policy, PATIENT), deadline_s=3000)

    ended = Counter(each.state_name for run in runs for each in partition_runs(run))
    LOGGER.info("%d runs; partition runs %s; strikes %s", len(runs), dict(ended), dict(nemesis.struck))
    assert curated(installation) == expected
    assert problems(installation) == []
    assert sum(nemesis.struck.values()) >= 25
