"""SIGSTOP for longer than the lease, as when a machine is suspended, and then SIGCONT."""

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from sqlalchemy import update

from pairsift.adapters.store.engine import writing
from pairsift.adapters.store.tables import partition
from tests.flows.faults import Fault, stop
from tests.flows.nursery import Nursery
from tests.flows.places import Place, Results, command_over, place


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Three chunks in one shard."""
    return command_over(tmp_path_factory.mktemp("source"), {"a": range(1, 6)})


def end_lease(there: Place) -> None:
    """Do as if more time had passed: no need to wait, and a stop within the renewal of a short lease is unlikely."""
    with there.store() as store, writing(store) as connection:
        connection.execute(update(partition).values(lease_until=datetime.now(UTC)))


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(Fault("tasks.threshold.decide", stop), id="with all chunks scored", marks=pytest.mark.production),
        pytest.param(Fault("tasks.export.commit_attempt", stop), id="right before its commit"),
    ],
)
def test_a_run_that_stands_still_longer_than_its_lease_is_fenced_when_it_goes_on(
    nursery: Nursery, command: tuple[str, ...], undisturbed: Results, tmp_path: Path, point: Fault
):
    there = place(tmp_path)

    pid = nursery.start(command, there, point)
    nursery.wait_until(pid, lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    end_lease(there)
    other = nursery.run(command, there)
    os.kill(pid, signal.SIGCONT)
    paused = nursery.end_of(pid)

    assert (other.exit_code, other.summary["partitions"]["committed"]) == (0, 1)
    assert paused.exit_code == 1
    (failure,) = paused.summary["failed"]
    assert failure["partition"] == "a"
    assert failure["error"].startswith("Fenced: attempt 1 ")
    assert there.count("SELECT count(*) FROM attempt WHERE number = 1 AND status = 'lost'") == 1
    assert there.results() == undisturbed
    assert there.flaws() == []
