"""Commands run in this process, over a shard that was curated without Prefect."""

from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from tasks.finish import finish_run
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import BLURRED, FILENAME_CAPTION, GOOD, TRUNCATED, cut
from tests.tasks.steps import claimed, committed, plan_of


@pytest.fixture(autouse=True)
def own_storage(storage: Path) -> Path:
    """Let no test of this folder touch the storage of the checkout."""
    return storage


@pytest.fixture
def curated(tmp_path: Path, storage: Path) -> Path:
    """Curate nine pairs of the sample, among them a blurred and a truncated one; return the storage."""
    shard = cut(tmp_path / "source" / "a.tar", (*GOOD, BLURRED, TRUNCATED, FILENAME_CAPTION))
    with disable_run_logger():  # no flow is at work
        plan = plan_of(shard.parent, policy=str(fixed_cut(tmp_path)))
        finish_run.fn(plan, [committed(job, claimed(job)) for job in plan.jobs])
    return storage
