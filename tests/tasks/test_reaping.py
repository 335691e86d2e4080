from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType

from pairsift.adapters.store.rows import PartitionStatus
from pairsift.adapters.store.runs import AttemptState
from tasks.reaping import parent_of, sign_of_death

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STUCK_AFTER_S = 300


def run(state: StateType, age_s: float, **fields: object) -> FlowRun:
    since = NOW - timedelta(seconds=age_s)
    return FlowRun(
        id=uuid4(), flow_id=uuid4(), name="a", state=State(type=state, timestamp=since), start_time=since, **fields
    )


def attempt(status: PartitionStatus, *, live: bool = False, ended_s_ago: float | None = None) -> AttemptState:
    ended_at = None if ended_s_ago is None else NOW - timedelta(seconds=ended_s_ago)
    return AttemptState(number=2, status=status, live=live, ended_at=ended_at, error=None)


def sign(open_run: FlowRun, of: AttemptState | None = None, *, ours: bool = True) -> str | None:
    return sign_of_death(open_run, of, ours, NOW, STUCK_AFTER_S)


@pytest.mark.parametrize("state", [StateType.PENDING, StateType.CANCELLING])
def test_a_run_that_never_began_or_never_ended_being_cancelled_is_dead_after_a_while(state: StateType):
    assert sign(run(state, STUCK_AFTER_S - 1)) is None
    assert "since 2026-11-23 11:55:00 UTC" in str(sign(run(state, STUCK_AFTER_S)))


def test_a_lost_attempt_is_a_dead_run_at_once():
    lost = attempt(PartitionStatus.LOST, ended_s_ago=0)

    assert "attempt 2 gave no sign of life" in str(sign(run(StateType.RUNNING, 1), lost))


def test_an_attempt_at_work_is_a_run_alive_however_long_it_takes():
    assert sign(run(StateType.RUNNING, 1e6), attempt(PartitionStatus.RUNNING, live=True)) is None


@pytest.mark.parametrize("status", [PartitionStatus.COMMITTED, PartitionStatus.FAILED, PartitionStatus.INTERRUPTED])
def test_a_run_whose_attempt_has_ended_may_take_a_while_to_end_itself(status: PartitionStatus):
    assert sign(run(StateType.RUNNING, 1e6), attempt(status, ended_s_ago=STUCK_AFTER_S - 1)) is None
    assert f"attempt 2 {status} at" in str(
        sign(run(StateType.RUNNING, 1e6), attempt(status, ended_s_ago=STUCK_AFTER_S))
    )


def test_a_partition_run_that_never_claimed_its_partition_is_dead_after_a_while():
    assert sign(run(StateType.RUNNING, STUCK_AFTER_S - 1)) is None
    assert "no attempt" in str(sign(run(StateType.RUNNING, STUCK_AFTER_S)))


def test_a_run_of_another_database_is_left_alone():
    assert sign(run(StateType.RUNNING, 1e6), ours=False) is None


def test_only_the_runs_of_partitions_name_the_run_that_started_them():
    assert parent_of(run(StateType.RUNNING, 1, parameters={"job": {"run_id": "run-1"}})) == "run-1"
    assert parent_of(run(StateType.RUNNING, 1, parameters={"request": {"source": "x"}})) == ""
