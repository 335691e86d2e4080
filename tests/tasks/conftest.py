"""Tasks are called without Prefect, against a real SQLite store and real files; the encoder is the real one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import Engine

from pairsift.adapters.store.rows import Claim
from pairsift.config import PartitionJob
from tasks import workplace
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import BLURRED, FILENAME_CAPTION, GOOD, TRUNCATED, cut
from tests.tasks.steps import claimed, planned


@pytest.fixture(autouse=True)
def own_storage(storage: Path) -> Path:
    """Let no test of this folder touch the storage of the checkout."""
    return storage


@pytest.fixture(autouse=True)
def quiet_run() -> Iterator[None]:
    """Give tasks, which Prefect has not started, a log that nobody reads."""
    with disable_run_logger():
        yield


@pytest.fixture
def store(job: PartitionJob) -> Engine:  # noqa: ARG001 - the plan makes the database
    return workplace.store()


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Nine pairs: six honest ones, a blurred picture, a truncated picture, a file's name as caption."""
    return cut(tmp_path / "source" / "a.tar", (*GOOD, BLURRED, TRUNCATED, FILENAME_CAPTION))


@pytest.fixture
def job(shard: Path, tmp_path: Path) -> PartitionJob:
    """The job of that shard, in chunks of four pairs, under a policy that drops only the blurred one."""
    return planned(shard, policy=str(fixed_cut(tmp_path)))


@pytest.fixture
def claim(job: PartitionJob) -> Claim:
    return claimed(job)
