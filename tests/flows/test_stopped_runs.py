"""SIGTERM and Ctrl-C: the chunk in hand ends, the attempt is marked interrupted, the same command goes on."""

from pathlib import Path

import psutil
import pytest

from tests.flows.commands import environment, started
from tests.flows.faults import Act, Fault, interrupt, terminate
from tests.flows.nursery import Nursery
from tests.flows.places import Results, command_over, place
from tests.production.processes import wait_until

DEADLINE_S = 180
CHUNKS = "SELECT count(*) FROM chunk"
INTERRUPTED = (
    "SELECT count(*) FROM partition JOIN attempt ON attempt.partition_id = partition.id "
    "WHERE partition.status = 'interrupted' AND attempt.status = 'interrupted'"
)


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Two shards, the first of ten chunks."""
    return command_over(tmp_path_factory.mktemp("source"), {"a": range(20), "b": range(80, 84)})


@pytest.mark.parametrize(
    ("act", "exit_code", "name"), [(terminate, 143, "SIGTERM"), (interrupt, 130, "SIGINT")], ids=["SIGTERM", "Ctrl-C"]
)
def test_a_stopped_run_ends_its_chunk_marks_its_attempt_and_says_so_in_one_line(
    *,
    nursery: Nursery,
    command: tuple[str, ...],
    undisturbed: Results,
    tmp_path: Path,
    act: Act,
    exit_code: int,
    name: str,
):
    there = place(tmp_path)

    stopped = nursery.run(command, there, Fault("tasks.score.record_chunk", act, call=2))
    chunks, interrupted = there.count(CHUNKS), there.count(INTERRUPTED)
    again = nursery.run(command, there)

    assert (stopped.exit_code, stopped.out) == (exit_code, "")
    assert stopped.err == (
        f"pairsift: stopped by {name}: what was done is kept, and the same command goes on from there\n"
    )
    assert 2 <= chunks < 10
    assert interrupted == 1
    assert again.exit_code == 0
    assert there.results() == undisturbed
    assert there.flaws() == []


@pytest.mark.parametrize(
    "point",
    [
        "tasks.plan.register_partitions",
        pytest.param("tasks.attempt.begin_attempt", marks=pytest.mark.production),
        pytest.param("tasks.ingest.write_pairs", marks=pytest.mark.production),
        pytest.param("tasks.threshold.decide_partition", marks=pytest.mark.production),
        pytest.param("tasks.export.commit_attempt", marks=pytest.mark.production),
        pytest.param("tasks.finish.rebuild_manifests", marks=pytest.mark.production),
    ],
)
def test_sigterm_at_any_stage_ends_in_one_line_and_the_same_command_goes_on(
    nursery: Nursery, command: tuple[str, ...], undisturbed: Results, tmp_path: Path, point: str
):
    there = place(tmp_path)

    stopped = nursery.run(command, there, Fault(point, terminate))
    again = nursery.run(command, there)

    assert (stopped.exit_code, stopped.out) == (143, "")
    assert stopped.err.startswith("pairsift: stopped by SIGTERM: ")
    assert len(stopped.err.splitlines()) == 1
    assert again.exit_code == 0
    assert there.results() == undisturbed
    assert there.flaws() == []


@pytest.mark.parametrize(
    "act",
    [pytest.param(terminate, id="SIGTERM"), pytest.param(interrupt, id="Ctrl-C", marks=pytest.mark.production)],
)
def test_a_second_signal_changes_nothing(nursery: Nursery, command: tuple[str, ...], tmp_path: Path, act: Act):
    there = place(tmp_path)
    twice = [Fault("tasks.score.record_chunk", act, call=2), Fault("tasks.attempt.remove_scratch", act)]

    stopped = nursery.run(command, there, *twice)

    assert stopped.exit_code in (143, 130)
    assert len(stopped.err.splitlines()) == 1
    assert there.count(INTERRUPTED) == 1


@pytest.mark.production
def test_the_server_of_a_stopped_run_is_stopped_too(command: tuple[str, ...], tmp_path: Path):
    there = place(tmp_path)

    with started(command, environment(there.storage, own_server=True)) as process:
        wait_until("a chunk is in the ledger", lambda: there.count(CHUNKS), DEADLINE_S)
        servers = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        _, err = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 143
    assert len(err.splitlines()) == 1
    assert len(servers) == 1
    assert not any(server.is_running() for server in servers)


@pytest.mark.production
def test_a_server_that_is_just_starting_is_stopped_too(command: tuple[str, ...], tmp_path: Path):
    with started(command, environment(tmp_path / "storage", own_server=True)) as process:
        wait_until("the server starts", psutil.Process(process.pid).children, DEADLINE_S)
        servers = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        _, err = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 143
    assert len(err.splitlines()) == 1
    assert not any(server.is_running() for server in servers)
