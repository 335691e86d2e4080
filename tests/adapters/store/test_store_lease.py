"""The lease is kept by a thread, and its loss is noticed."""

from threading import Event

import pytest
from sqlalchemy import Engine, event, text

from pairsift.adapters.store.lease import Lease, keep_lease
from pairsift.adapters.store.protocol import commit_attempt
from pairsift.adapters.store.queries import status
from pairsift.errors import Fenced
from tests.adapters.store.lives import ELSEWHERE, Clock, claim, prepare, result

PATIENCE_S = 30


class Seconds:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_the_thread_renews_the_lease(engine: Engine, clock: Clock):
    held = claim(engine, prepare(engine).partition_id)
    (before,) = status(engine)
    clock.advance(60)
    renewed = Event()
    event.listen(engine, "commit", lambda _: renewed.set())

    with keep_lease(engine, held, every_s=0.01) as lease:
        assert renewed.wait(PATIENCE_S)
        lease.check()

    (after,) = status(engine)
    assert (after["lease_until"] - before["lease_until"]).total_seconds() == 60  # type: ignore[operator]  # two times


def test_a_partition_taken_by_another_is_noticed_at_the_next_renewal(engine: Engine, clock: Clock):
    partition_id = prepare(engine).partition_id
    lease = Lease(engine, claim(engine, partition_id, me=ELSEWHERE))
    clock.advance(90)
    claim(engine, partition_id)
    lease.check()

    lease.renew()

    with pytest.raises(Fenced, match="attempt 1 lost partition"):
        lease.check()


def test_a_lease_that_cannot_be_renewed_runs_out(engine: Engine):
    seconds = Seconds()
    lease = Lease(engine, claim(engine, prepare(engine).partition_id), clock=seconds)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE partition RENAME TO elsewhere"))

    seconds.time = 89.0
    lease.renew()
    lease.check()
    seconds.time = 90.0

    with pytest.raises(Fenced, match=r"could not renew its lease .* for 90 s"):
        lease.check()


def test_a_lease_is_still_good_after_its_own_commit(engine: Engine):
    prepared = prepare(engine)
    held = claim(engine, prepared.partition_id)
    lease = Lease(engine, held)
    commit_attempt(engine, held, result(prepared.decision_set_id))

    lease.renew()

    lease.check()


def test_the_thread_ends_with_its_block_even_after_an_error(engine: Engine):
    held = claim(engine, prepare(engine).partition_id)

    with pytest.raises(OSError, match="disk full"), keep_lease(engine, held, every_s=1000):
        raise OSError("disk full")
