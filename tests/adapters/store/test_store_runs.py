"""What runs were asked for, how their partitions fare, and what is to be asked for again."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from pairsift.adapters.store.claims import lose_dead_attempts
from pairsift.adapters.store.process import ProcessIdentity
from pairsift.adapters.store.protocol import commit_attempt, fail_attempt
from pairsift.adapters.store.registry import register_dataset, register_partitions
from pairsift.adapters.store.rows import PartitionStatus
from pairsift.adapters.store.runs import (
    AttemptState,
    RerunRequest,
    attempts_of_flow_runs,
    known_runs,
    partitions_without_request,
    register_run,
    requests_to_rerun,
)
from pairsift.adapters.store.tables import run
from tests.adapters.store.lives import ELSEWHERE, ME, REQUEST, SPEC, START, Clock, Prepared, claim, prepare, result

MANY = 40_000
"""More ids than SQLite takes variables in a statement."""
FLOW = replace(REQUEST, run_id="run-1", flow_run_id="flow-1")


@pytest.fixture
def prepared(engine: Engine) -> Prepared:
    return prepare(engine)


def partitions(engine: Engine, dataset_name: str, *keys: str) -> list[int]:
    specs = [replace(SPEC, key=key, uri=f"file:///data/{key}.tar") for key in keys]
    registered = register_partitions(engine, register_dataset(engine, dataset_name), specs)
    return [row.id for row in registered]


def fail(engine: Engine, partition_id: int, run_id: str | None) -> None:
    fail_attempt(engine, claim(engine, partition_id, replace(REQUEST, run_id=run_id)), "boom")


def test_a_run_that_is_tried_again_keeps_its_first_row(engine: Engine, prepared: Prepared, clock: Clock):
    register_run(engine, "run-1", prepared.dataset_id, {"source": "shards", "config": {"chunk_pairs": 4}})
    clock.advance(60)
    register_run(engine, "run-1", prepared.dataset_id, {"source": "other"})

    with engine.connect() as connection:
        row = connection.execute(select(run)).one()
    assert tuple(row) == (
        *("run-1", prepared.dataset_id, {"source": "shards", "config": {"chunk_pairs": 4}}),
        START,
    )


def test_runs_of_this_database_are_told_from_others(engine: Engine, prepared: Prepared):
    register_run(engine, "run-1", prepared.dataset_id, {})

    assert known_runs(engine, {"run-1", "run-2"}) == {"run-1"}
    assert known_runs(engine, []) == set()


def test_any_number_of_runs_can_be_asked_for(engine: Engine, prepared: Prepared):
    register_run(engine, f"run-{MANY}", prepared.dataset_id, {})
    claim(engine, prepared.partition_id, replace(FLOW, flow_run_id=f"run-{MANY}"))
    ids = [f"run-{number}" for number in range(MANY + 1)]

    assert known_runs(engine, ids) == {f"run-{MANY}"}
    assert list(attempts_of_flow_runs(engine, ids)) == [f"run-{MANY}"]


def test_a_flow_run_tells_of_its_latest_attempt_only(engine: Engine, prepared: Prepared, clock: Clock):
    fail_attempt(engine, claim(engine, prepared.partition_id, FLOW), "boom")
    clock.advance(1)
    fail_attempt(engine, claim(engine, prepared.partition_id, FLOW), "bang")
    claim(engine, prepared.partition_id, replace(FLOW, flow_run_id="flow-2"))

    assert attempts_of_flow_runs(engine, ["flow-1", "flow-2", "flow-3"]) == {
        "flow-1": AttemptState(2, PartitionStatus.FAILED, False, START + timedelta(seconds=1), "bang"),
        "flow-2": AttemptState(3, PartitionStatus.RUNNING, True, None, None),
    }


@pytest.mark.parametrize(
    ("me", "seconds", "live"),
    [(ELSEWHERE, 89, True), (ELSEWHERE, 90, False), (ME, 89, True), (replace(ME, start=1), 0, False)],
    ids=["elsewhere", "lease ran out", "here", "dead here"],
)
def test_a_flow_run_is_live_while_its_attempt_may_be_at_work(
    engine: Engine, clock: Clock, me: ProcessIdentity, seconds: float, live: bool
):
    claim(engine, prepare(engine).partition_id, FLOW, me)
    clock.advance(seconds)

    assert attempts_of_flow_runs(engine, ["flow-1"])["flow-1"].live is live


def test_an_attempt_that_was_overtaken_or_lost_is_not_live(engine: Engine, prepared: Prepared, clock: Clock):
    claim(engine, prepared.partition_id, FLOW, ELSEWHERE)
    claim(engine, prepared.partition_id, replace(FLOW, flow_run_id="flow-2"), ELSEWHERE)
    overtaken = attempts_of_flow_runs(engine, ["flow-1"])["flow-1"]
    clock.advance(90)
    lose_dead_attempts(engine)

    lost = attempts_of_flow_runs(engine, ["flow-2"])["flow-2"]

    assert (overtaken.status, overtaken.live) == (PartitionStatus.LOST, False)
    assert (lost.status, lost.live, lost.ended_at) == (PartitionStatus.LOST, False, START + timedelta(seconds=90))
    assert str(lost.error).startswith("no sign of life: attempt 2")


def test_failed_partitions_are_grouped_by_the_run_that_last_tried_them(engine: Engine, clock: Clock):
    a, b, c, done = partitions(engine, "cats", "a", "b", "c", "done")
    cats = register_dataset(engine, "cats")
    for run_id in ("run-2", "run-1"):  # by age, not by name
        register_run(engine, run_id, cats, {"source": run_id})
        clock.advance(1)
    for partition_id in (a, b, c):
        fail(engine, partition_id, "run-2")
    fail(engine, b, "run-1")
    done_claim = claim(engine, done, replace(REQUEST, run_id="run-1"))
    commit_attempt(engine, done_claim, result(prepare(engine).decision_set_id))

    assert requests_to_rerun(engine) == [
        RerunRequest("run-2", {"source": "run-2"}, ("a", "c")),
        RerunRequest("run-1", {"source": "run-1"}, ("b",)),
    ]
    assert partitions_without_request(engine) == {}


@pytest.mark.parametrize(
    ("dataset_name", "expected"),
    [(None, {"run-cats": ("a",), "run-dogs": ("a",)}), ("dogs", {"run-dogs": ("a",)}), ("birds", {})],
)
def test_reruns_are_of_one_data_set_or_of_all(
    engine: Engine, dataset_name: str | None, expected: Mapping[str, tuple[str, ...]]
):
    for name in ("cats", "dogs"):
        register_run(engine, f"run-{name}", register_dataset(engine, name), {})
        (partition_id,) = partitions(engine, name, "a")
        fail(engine, partition_id, f"run-{name}")

    assert {found.run_id: found.partitions for found in requests_to_rerun(engine, dataset_name)} == expected


def test_partitions_whose_run_nobody_recorded_are_named_apart(engine: Engine):
    a, b, c = partitions(engine, "cats", "a", "b", "c")
    register_run(engine, "run-1", register_dataset(engine, "cats"), {})
    for partition_id, run_id in ((a, "run-1"), (b, "run-0"), (c, None)):
        fail(engine, partition_id, run_id)
    (dog,) = partitions(engine, "dogs", "a")
    fail(engine, dog, None)

    assert [found.partitions for found in requests_to_rerun(engine)] == [("a",)]
    assert partitions_without_request(engine) == {"cats": ["b", "c"], "dogs": ["a"]}
    assert partitions_without_request(engine, "dogs") == {"dogs": ["a"]}


@pytest.mark.parametrize(("me", "listed"), [(ELSEWHERE, []), (replace(ME, start=1), ["run-1"])], ids=["live", "dead"])
def test_a_run_at_work_is_not_asked_for_again(
    engine: Engine, prepared: Prepared, me: ProcessIdentity, listed: list[str]
):
    register_run(engine, "run-1", prepared.dataset_id, {})
    claim(engine, prepared.partition_id, FLOW, me)

    assert [found.run_id for found in requests_to_rerun(engine)] == listed
