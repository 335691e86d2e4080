"""Every way to do again what failed does that and nothing else."""

from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType

from pairsift.adapters.store.queries import status
from tasks import workplace
from tests.production import flow_runs
from tests.production.curation import (
    curated,
    partition_runs,
    problems,
    retry,
    shards,
    start,
    states,
    undisturbed,
    wait_for_partition_run,
    write_policy,
)
from tests.production.installation import Installation
from tests.production.workers import Workers
from tests.tasks.shards import damage_after

TOLERATE_NOTHING = {"ingest": {"lost_pairs": 0, "lost_share": 0.0}}


def attempts() -> dict[object, object]:
    """Tell the number of every partition's last attempt."""
    return {row["partition"]: row["attempt"] for row in status(workplace.store())}


@pytest.mark.production
def test_retry_of_a_partition_rerun_failed_and_retry_of_the_parent_each_redo_what_failed_and_nothing_else(
    *, workers: Workers, installation: Installation, tmp_path: Path, monkeypatch
):
    source, policy = shards(tmp_path / "source", partitions=4, pairs=4), write_policy(tmp_path)
    expected = undisturbed(source, policy, tmp_path / "undisturbed", monkeypatch)
    whole = {name: damage_after(source / f"{name}.tar", 2) for name in ("001", "002", "003")}
    workers.start("parents")
    workers.start("partitions", limit=2)

    parent = start(source, policy, TOLERATE_NOTHING)
    failed = flow_runs.wait_for(parent)
    assert failed.state is not None
    assert (failed.state_name, failed.state.message) == ("Failed", "3 partitions failed: 001, 002, 003")
    assert states() == {"000": "committed", "001": "failed", "002": "failed", "003": "failed"}

    (source / "001.tar").write_bytes(whole["001"])
    partition_run = wait_for_partition_run(parent, [StateType.FAILED], "001")
    retry(partition_run.id)
    wait_for_partition_run(parent, [StateType.COMPLETED], "001")
    assert attempts() == {"000": 1, "001": 2, "002": 1, "003": 1}
    assert '"001"' in (installation.storage / "exports" / "source" / "manifest.json").read_text()

    (source / "002.tar").write_bytes(whole["002"])
    rerun = flow_runs.wait_for(flow_runs.start("rerun-failed/manual"))
    assert rerun.state is not None
    assert (rerun.state_name, rerun.state.message) == ("Failed", "1 of 1 runs failed again: see their own pages")
    assert attempts() == {"000": 1, "001": 2, "002": 2, "003": 2}
    assert states() == {"000": "committed", "001": "committed", "002": "committed", "003": "failed"}

    (source / "003.tar").write_bytes(whole["003"])
    retry(parent)
    flow_runs.wait_for(parent, [StateType.COMPLETED])
    assert attempts() == {"000": 1, "001": 2, "002": 2, "003": 3}
    assert len(partition_runs(parent)) == 5
    assert curated(installation) == expected
    assert problems(installation) == []
