from asyncio import CancelledError
from contextlib import suppress
from pathlib import Path

import pytest
from prefect.exceptions import TerminationSignal
from sqlalchemy import Engine

from pairsift.adapters.store.queries import status
from pairsift.adapters.store.rows import Claim
from pairsift.config import PartitionJob
from pairsift.errors import Busy, Fenced, InterruptedRunError, SourceChangedError
from tasks.attempt import claim_partition, held
from tasks.ingest import ingest_partition
from tasks.references import PartitionOutcome
from tests.tasks.shards import cut
from tests.tasks.steps import claimed, committed, folder_of, plan_of, planned


def test_a_failure_marks_the_partition_failed_with_its_error_and_frees_it(
    job: PartitionJob, claim: Claim, store: Engine
):
    with pytest.raises(SourceChangedError), held(job, claim):
        raise SourceChangedError("a.tar changed")

    (row,) = status(store)
    assert row["status"] == "failed"
    assert row["error"] == "SourceChangedError: a.tar changed"
    assert isinstance(claim_partition.fn(job.model_copy(update={"run_id": "run-2"})), Claim)


@pytest.mark.parametrize(
    "stop", [KeyboardInterrupt(), TerminationSignal(signal=15), CancelledError(), InterruptedRunError("stopped")]
)
def test_a_stopped_run_leaves_its_attempt_interrupted_and_goes_its_way(
    stop: BaseException, job: PartitionJob, claim: Claim, store: Engine
):
    with pytest.raises(type(stop)), held(job, claim):
        raise stop

    (row,) = status(store)
    assert row["status"] == "interrupted"
    assert str(row["error"]).startswith(type(stop).__name__)


def test_scratch_is_gone_when_an_attempt_ends_well_or_badly(job: PartitionJob, claim: Claim, storage: Path):
    with suppress(ValueError), held(job, claim):
        ingest_partition.fn(job, folder_of(claim))
        raise ValueError("bug")
    again = claimed(job.model_copy(update={"run_id": "run-2"}))
    with held(job, again):
        committed(job, again)

    assert [path for path in (storage / "scratch").rglob("*") if path.is_file()] == []


def test_a_partition_at_work_is_busy_and_the_error_says_who_holds_it(job: PartitionJob, claim: Claim):  # noqa: ARG001 - it holds
    with pytest.raises(Busy, match=r"partition a is being worked on by attempt 1 \(process \d+ on "):
        claim_partition.fn(job.model_copy(update={"run_id": "run-2"}))


def test_a_partition_committed_meanwhile_is_skipped(job: PartitionJob, claim: Claim):
    committed(job, claim)

    assert claim_partition.fn(job) == PartitionOutcome("a", "skipped")


def test_an_attempt_that_lost_its_partition_stops_at_the_next_check(job: PartitionJob, claim: Claim):
    with held(job, claim) as attempt:
        claimed(job)
        assert attempt.lease is not None
        attempt.lease.renew()

        with pytest.raises(Fenced):
            attempt.check()


def test_a_lost_attempt_does_not_mark_its_successors_partition_failed(job: PartitionJob, claim: Claim, store: Engine):
    with suppress(Fenced), held(job, claim):
        claimed(job)
        raise Fenced("taken")

    (row,) = status(store)
    assert row["status"] == "running"


def test_an_attempt_whose_scratch_its_successor_removed_says_that_it_was_taken(job: PartitionJob, claim: Claim):
    claimed(job)

    with pytest.raises(Fenced, match="attempt 1 lost partition"), held(job, claim):
        raise FileNotFoundError("decided.json")


def test_a_failed_attempt_does_not_hide_what_an_earlier_one_committed(shard: Path, store: Engine):
    first = planned(shard)
    committed(first, claimed(first))
    other = planned(shard, "run-2", policy="baseline")
    with pytest.raises(ValueError, match="bug"), held(other, claimed(other)):
        raise ValueError("bug")

    (row,) = status(store)
    assert row["status"] == "failed"
    assert row["pairs_read"] == 9


def test_a_partition_is_committed_as_the_file_that_was_read_not_as_the_one_that_was_planned(shard: Path, store: Engine):
    job = planned(shard)
    cut(shard, range(1, 4))

    committed(job, claimed(job))

    assert plan_of(shard).jobs == ()
    assert [row["pairs_read"] for row in status(store)] == [3]
