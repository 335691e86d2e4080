"""Processes that die or stop without a word: nothing is lost or doubled, and the run goes on without them."""

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.schemas.objects import FlowRun, StateType

from tests.production import flow_runs
from tests.production.curation import (
    Curated,
    count,
    curated,
    partition_runs,
    problems,
    retry,
    shards,
    start,
    undisturbed,
    wait_for_partition_run,
    wait_for_rows,
    write_policy,
)
from tests.production.installation import Installation
from tests.production.processes import Logged, kill, wait_until
from tests.production.workers import Workers

pytestmark = pytest.mark.production

CHUNKS = "SELECT count(*) FROM chunk"
LEASE_AND_REAPING_S = 90 + 30 + 60


@dataclass(frozen=True)
class Bench:
    """A source of two partitions with twenty chunks each, and what an undisturbed process makes of it."""

    source: Path
    policy: Path
    expected: Curated

    def start(self, **dispatch: object) -> UUID:
        return start(self.source, self.policy, {"dispatch": {"work_pool": "pairsift", **dispatch}})


@pytest.fixture
def bench(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:  # noqa: ARG001 - its variables
    source, policy = shards(tmp_path / "source", partitions=2, pairs=40), write_policy(tmp_path)
    return Bench(source, policy, undisturbed(source, policy, tmp_path / "undisturbed", monkeypatch))


@pytest.fixture
def nothing_is_lost(bench: Bench, installation: Installation) -> Iterator[None]:
    """Compare, at the end of a test, everything that is committed with what was expected."""
    yield
    assert curated(installation) == bench.expected
    assert problems(installation) == []
    assert count("SELECT count(*) FROM pair") == 80


def at_work(bench: Bench, workers: Workers) -> tuple[Logged, UUID]:
    """Start a run, with one worker for its partitions, and wait until the first chunk is scored; return both."""
    workers.start("parents")
    worker = workers.start("partitions", limit=1)
    parent = bench.start()
    wait_for_rows(CHUNKS, "a chunk is scored")
    return worker, parent


@pytest.mark.usefixtures("nothing_is_lost")
def test_an_orphan_of_a_killed_worker_and_the_run_that_takes_its_place_commit_once(bench: Bench, workers: Workers):
    worker, parent = at_work(bench, workers)

    worker.kill()
    workers.start("partitions", limit=1)

    assert flow_runs.wait_for(parent, deadline_s=400).state_name == "Completed"
    assert count("SELECT count(*) FROM attempt WHERE status = 'committed'") == 2


@pytest.mark.usefixtures("nothing_is_lost")
def test_a_partition_whose_machine_died_is_found_lost_and_started_again(bench: Bench, workers: Workers):
    worker, parent = at_work(bench, workers)

    worker.kill_family()
    workers.start("partitions", limit=1)

    assert flow_runs.wait_for(parent, deadline_s=400).state_name == "Completed"
    (dead,) = [each for each in partition_runs(parent) if each.state_name == "Crashed"]
    assert message(dead) == "attempt 1 gave no sign of life and was marked lost"


@pytest.mark.usefixtures("nothing_is_lost")
def test_a_run_whose_worker_died_while_it_started_is_found_stuck_and_started_again(bench: Bench, workers: Workers):
    workers.start("parents")
    worker = workers.start("partitions", limit=1)
    parent = bench.start(stuck_after_s=60)
    wait_for_partition_run(parent, [StateType.PENDING])

    worker.kill_family()
    workers.start("partitions", limit=1)

    assert flow_runs.wait_for(parent, deadline_s=500).state_name == "Completed"
    (dead,) = [each for each in partition_runs(parent) if each.state_name == "Crashed"]
    assert " since 20" in message(dead)


@pytest.mark.usefixtures("nothing_is_lost")
def test_the_partition_of_a_worker_that_is_told_to_end_is_found_lost_and_started_again(bench: Bench, workers: Workers):
    worker, parent = at_work(bench, workers)

    worker.terminate()
    workers.start("partitions", limit=1)

    assert flow_runs.wait_for(parent, deadline_s=500).state_name == "Completed"


@pytest.mark.usefixtures("nothing_is_lost")
def test_a_retried_parent_goes_on_with_the_partitions_that_its_killed_process_had_started(
    bench: Bench, workers: Workers
):
    _, parent = at_work(bench, workers)

    kill(workers.flow_processes(parent))
    flow_runs.wait_for(parent, [StateType.CRASHED])
    retry(parent)

    wait_until("the retried run has begun", lambda: flow_runs.read(parent).run_count == 2, 100)
    assert flow_runs.wait_for(parent, deadline_s=400).state_name == "Completed"
    assert Counter(each.state_name for each in partition_runs(parent)) == {"Completed": 2}
    assert count("SELECT count(*) FROM attempt") == 2


@pytest.mark.usefixtures("nothing_is_lost")
def test_a_process_stopped_for_longer_than_its_lease_is_replaced_and_fenced_when_it_goes_on(
    bench: Bench, workers: Workers, logs: Path
):
    workers.start("parents")
    workers.start("partitions", limit=2)
    parent = bench.start(in_flight=1)
    victim = wait_for_partition_run(parent, [StateType.RUNNING])
    wait_for_rows(CHUNKS, "a chunk is scored")
    stopped = workers.flow_processes(victim.id)

    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    wait_until("it is replaced", lambda: len(partition_runs(parent)) > 1, LEASE_AND_REAPING_S)
    for process in stopped:
        process.send_signal(signal.SIGCONT)

    assert flow_runs.wait_for(parent, deadline_s=400).state_name == "Completed"
    assert count("SELECT count(*) FROM attempt WHERE status = 'lost'") == 1
    wait_until("the continued process says why it stops", lambda: told(logs, "Fenced"), 100)


@pytest.mark.usefixtures("nothing_is_lost")
def test_of_two_runs_of_the_same_partitions_one_commits_each_and_the_other_says_who_is_at_work(
    bench: Bench, workers: Workers
):
    workers.start("parents")
    workers.start("partitions", limit=2)

    first = bench.start(in_flight=1)
    wait_for_rows(CHUNKS, "a chunk is scored")
    second = bench.start(in_flight=1)
    ended = {each: flow_runs.wait_for(each, deadline_s=400).state_name for each in (first, second)}

    assert ended == {first: "Completed", second: "Failed"}
    (busy,) = [each for each in partition_runs(second) if each.state_name == "Failed"]
    assert "is being worked on by attempt 1" in message(busy)
    assert count("SELECT count(*) FROM attempt WHERE status = 'committed'") == 2


def message(run: FlowRun) -> str:
    """Tell what Prefect shows of a run's end."""
    return str(run.state.message if run.state else None)


def told(logs: Path, word: str) -> bool:
    """Say whether some worker's log holds a word."""
    return any(word in log.read_text(errors="replace") for log in logs.glob("partitions-*.log"))
