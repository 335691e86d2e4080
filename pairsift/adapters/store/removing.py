"""Removes what nothing refers to; each removal looks again, under the row's lock."""

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, select, update

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.engine import writing
from pairsift.adapters.store.pruning import RELEASED, LooseChunk, SupersededAttempt, SupersededDecisions
from pairsift.adapters.store.rows import PartitionStatus
from pairsift.adapters.store.tables import (
    attempt,
    chunk,
    decided_attempt,
    decision,
    export,
    pair,
    partition,
    release_partition,
    score,
)


def still_referred(engine: Engine, uris: Sequence[str]) -> set[str]:
    """Name those of some exported files that the store refers to now."""
    found: set[str] = set()
    with engine.connect() as connection:
        for batch in in_batches(uris):
            found.update(connection.scalars(select(export.c.uri).where(export.c.uri.in_(batch))))
            found.update(connection.scalars(select(RELEASED).where(RELEASED.in_(batch))))
    return found


def remove_attempt(engine: Engine, superseded: SupersededAttempt) -> bool:
    """Remove the rows of a superseded attempt's pairs; the attempt's own row stays, as the record of who did what.

    False if it stands again, or a release refers to it now.
    """
    with writing(engine) as connection:
        if not _may_go(connection, superseded.partition_id, superseded.id, ()):
            return False
        for table in (export, decision, score, pair, decided_attempt):
            connection.execute(delete(table).where(table.c.attempt_id == superseded.id))
        connection.execute(update(attempt).where(attempt.c.id == superseded.id).values(chunks=[]))
    return True


def remove_decisions(engine: Engine, superseded: SupersededDecisions) -> bool:
    """Remove decisions that are not shown; False if they are now, or a release refers to them."""
    attempt_id, set_id = superseded.attempt_id, superseded.decision_set_id
    with writing(engine) as connection:
        shown = partition.c.shown_decision_set_id == set_id
        if not _may_go(connection, superseded.partition_id, attempt_id, (shown,), set_id):
            return False
        for table in (export, decision, decided_attempt):
            these = and_(table.c.attempt_id == attempt_id, table.c.decision_set_id == set_id)
            connection.execute(delete(table).where(these))
    return True


def _may_go(
    connection: Connection,
    partition_id: int,
    attempt_id: int,
    needed: Sequence[ColumnElement[bool]],
    decision_set_id: int | None = None,
) -> bool:
    """Lock a partition and look again whether anything needs an attempt, or its decisions under a set."""
    lock = select(partition.c.id).where(partition.c.id == partition_id).with_for_update(key_share=True)
    connection.execute(lock)
    stands = needed or (partition.c.committed_attempt_id == attempt_id,)
    in_use = connection.scalar(select(partition.c.id).where(partition.c.id == partition_id, *stands))
    released = select(release_partition.c.release_id).where(release_partition.c.attempt_id == attempt_id)
    if decision_set_id is not None:
        released = released.where(release_partition.c.decision_set_id == decision_set_id)
    return in_use is None and connection.scalar(released.limit(1)) is None


def remove_ledgered(engine: Engine, loose: Sequence[LooseChunk]) -> int:
    """Remove rows of the ledger, of partitions on which nobody has begun to work; return how many."""
    removed = 0
    by_partition: dict[int, list[str]] = {}
    for row in loose:
        by_partition.setdefault(row.partition_id, []).append(row.fingerprint)
    for partition_id, fingerprints in by_partition.items():
        removed += sum(_remove_of(engine, partition_id, batch) for batch in in_batches(fingerprints))
    return removed


def _remove_of(engine: Engine, partition_id: int, fingerprints: Sequence[str]) -> int:
    committed = select(partition.c.id).where(
        partition.c.id == partition_id, partition.c.status == PartitionStatus.COMMITTED
    )
    with writing(engine) as connection:
        if connection.scalar(committed.with_for_update(key_share=True)) is None:
            return 0
        these = (chunk.c.partition_id == partition_id, chunk.c.fingerprint.in_(fingerprints))
        return connection.execute(delete(chunk).where(*these)).rowcount


def unledgered(engine: Engine, uris: Sequence[str]) -> Iterator[str]:
    """Give those of some chunk files that the ledger does not refer to now."""
    with engine.connect() as connection:
        for batch in in_batches(uris):
            known = set(connection.scalars(select(chunk.c.uri).where(chunk.c.uri.in_(batch))))
            yield from (uri for uri in batch if uri not in known)
