"""Attempts that ended without a word are found, and fenced in case they did not end."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, select, text

from pairsift.adapters.store.claims import lose_dead_attempts
from pairsift.adapters.store.process import ProcessIdentity
from pairsift.adapters.store.protocol import commit_attempt, fail_attempt, record_chunk, renew_lease
from pairsift.adapters.store.queries import status
from pairsift.adapters.store.rows import Claim, LostAttempt
from pairsift.adapters.store.tables import attempt
from pairsift.errors import Fenced
from tests.adapters.store.lives import (
    ELSEWHERE,
    ME,
    REQUEST,
    START,
    Clock,
    Prepared,
    chunk_row,
    claim,
    live,
    prepare,
    result,
)

IN_A_RUN = replace(REQUEST, run_id="run-1", flow_run_id="flow-1")
DEAD = replace(ME, start=1)
"""This process's id, started at another time: it has ended."""


@pytest.fixture
def prepared(engine: Engine) -> Prepared:
    return prepare(engine)


@pytest.fixture
def silent(engine: Engine, prepared: Prepared, clock: Clock) -> Claim:
    """Give a claim whose lease ran out, of a process of which nobody here can know whether it lives."""
    held = claim(engine, prepared.partition_id, IN_A_RUN, ELSEWHERE)
    clock.advance(90)
    return held


def last_attempt(engine: Engine) -> tuple[object, ...]:
    query = select(attempt.c.number, attempt.c.status, attempt.c.ended_at, attempt.c.error).order_by(
        attempt.c.id.desc()
    )
    with engine.connect() as connection:
        return tuple(connection.execute(query.limit(1)).one())


def test_an_attempt_whose_lease_ran_out_is_lost_and_told_of(engine: Engine, silent: Claim):
    lost = lose_dead_attempts(engine)

    message = (
        "no sign of life: attempt 1 on host other-host, process 4711, whose lease ran out on 2026-01-02 03:05:35 UTC"
    )
    assert lost == [LostAttempt("cats", "shard-0", silent.fence, "run-1", "flow-1", "other-host", 4711)]
    assert last_attempt(engine) == (1, "lost", START + timedelta(seconds=90), message)
    (row,) = status(engine)
    assert (row["status"], row["error"], row["lease_until"]) == ("lost", message, None)


def test_an_attempt_whose_process_is_dead_here_is_lost_at_once(engine: Engine, prepared: Prepared):
    claim(engine, prepared.partition_id, me=DEAD)

    (lost,) = lose_dead_attempts(engine)

    assert (lost.host, lost.pid) == (ME.host, ME.pid)
    assert str(status(engine)[0]["error"]).endswith(f"process {ME.pid}, which has ended")


@pytest.mark.parametrize("me", [ELSEWHERE, ME], ids=["cannot be known", "this process"])
def test_an_attempt_at_work_is_left_alone(engine: Engine, prepared: Prepared, clock: Clock, me: ProcessIdentity):
    claim(engine, prepared.partition_id, me=me)
    clock.advance(89)

    assert lose_dead_attempts(engine) == []
    assert status(engine)[0]["status"] == "running"


def test_what_has_ended_is_left_alone(engine: Engine, clock: Clock):
    live(engine, "cats", dropped=0)
    fail_attempt(engine, claim(engine, prepare(engine, "dogs").partition_id), "boom")
    clock.advance(1000)

    assert lose_dead_attempts(engine) == []
    assert [row["status"] for row in status(engine)] == ["committed", "failed"]


def test_a_lost_attempt_is_told_of_once(engine: Engine, silent: Claim):  # noqa: ARG001 - it is lost
    lose_dead_attempts(engine)

    assert lose_dead_attempts(engine) == []


def test_every_data_set_is_looked_at(engine: Engine, clock: Clock):
    for name in ("cats", "dogs"):
        claim(engine, prepare(engine, name).partition_id, me=ELSEWHERE)
    clock.advance(90)

    assert [lost.dataset for lost in lose_dead_attempts(engine)] == ["cats", "dogs"]


def write_chunk(engine: Engine, held: Claim) -> None:
    record_chunk(engine, held, chunk_row(0))


def write_commit(engine: Engine, held: Claim) -> None:
    commit_attempt(engine, held, result(decision_set_id=1))


@pytest.mark.parametrize("write", [renew_lease, write_chunk, write_commit])
def test_an_orphan_that_still_works_can_write_nothing(
    engine: Engine, silent: Claim, write: Callable[[Engine, Claim], None]
):
    lose_dead_attempts(engine)
    before = status(engine)

    with pytest.raises(Fenced, match="taken, or given up as dead"):
        write(engine, silent)

    assert fail_attempt(engine, silent, "too late") is False
    assert status(engine) == before


def test_a_lost_partition_is_claimed_by_the_next_attempt(engine: Engine, silent: Claim):
    lose_dead_attempts(engine)

    assert claim(engine, silent.partition_id).fence == 2


def renew(engine: Engine, held: Claim) -> None:
    renew_lease(engine, held)


def take(engine: Engine, held: Claim) -> None:
    claim(engine, held.partition_id)


def fail(engine: Engine, held: Claim) -> None:
    fail_attempt(engine, held, "boom")


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [(renew, (1, "running")), (take, (2, "running")), (write_commit, (1, "committed")), (fail, (1, "failed"))],
)
def test_what_happens_between_look_and_lock_is_respected(
    engine: Engine,
    open_another: Callable[[], Engine],
    silent: Claim,
    meanwhile: Callable[[Engine, Claim], None],
    left: tuple[int, str],
):
    another = open_another()
    event.listen(engine, "rollback", lambda _: meanwhile(another, silent), once=True)  # the first look ends in one

    assert lose_dead_attempts(engine) == []
    assert last_attempt(engine)[:2] == left


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_partition_that_is_being_written_is_neither_waited_for_nor_lost(
    engine: Engine, open_another: Callable[[], Engine], silent: Claim
):
    with open_another().begin() as connection:
        connection.execute(text(f"UPDATE partition SET lease_until = lease_until WHERE id = {silent.partition_id}"))

        assert lose_dead_attempts(engine) == []

    assert len(lose_dead_attempts(engine)) == 1
