"""The thread that keeps a claim's lease alive, and the flag it sets when it cannot."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pairsift.adapters.store.protocol import renew_lease
from pairsift.adapters.store.rows import Claim
from pairsift.errors import Fenced

RENEW_EVERY_S = 30.0


class Lease:
    """A claim's lease as its holder knows it: renewed, run out, or taken by another attempt."""

    def __init__(self, engine: Engine, claim: Claim, clock: Callable[[], float] = monotonic) -> None:
        self._engine = engine
        self._claim = claim
        self._clock = clock
        self._renewed_at = clock()
        self._taken = threading.Event()

    def renew(self) -> None:
        """Prolong the lease; a database that does not answer is asked again at the next turn."""
        asked_at = self._clock()
        try:
            renew_lease(self._engine, self._claim)
        except Fenced:
            self._taken.set()
        except SQLAlchemyError:  # the database, or a full pool of connections
            pass
        else:
            self._renewed_at = asked_at

    def check(self) -> None:
        """Raise Fenced if the partition was taken, or the lease ran out because it could not be renewed."""
        if self._taken.is_set():
            raise Fenced(
                f"attempt {self._claim.fence} lost partition {self._claim.partition_id}: taken, or given up as dead"
            )
        if self._clock() - self._renewed_at >= self._claim.lease_s:
            raise Fenced(
                f"attempt {self._claim.fence} could not renew its lease of partition {self._claim.partition_id} for "
                f"{self._claim.lease_s:g} s: another attempt may have taken it"
            )


@contextmanager
def keep_lease(engine: Engine, claim: Claim, every_s: float = RENEW_EVERY_S) -> Iterator[Lease]:
    """Renew the claim's lease every `every_s` seconds from a daemon thread while the block runs.

    The block calls `check()` between its steps, and stops when that raises Fenced. The fence in every write keeps the
    store right even if it does not.
    """
    lease = Lease(engine, claim)
    ended = threading.Event()
    thread = threading.Thread(target=_renew_until, args=(lease, ended, every_s), name="pairsift-lease", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        ended.set()
        thread.join()


def _renew_until(lease: Lease, ended: threading.Event, every_s: float) -> None:
    while not ended.wait(every_s):
        lease.renew()
