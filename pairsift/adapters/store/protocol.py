"""What a claimed attempt may write: every transaction proves first that the claim still holds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import Connection, Engine, Row, Table, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from pairsift.adapters.store.bulk import insert_rows, storable_text
from pairsift.adapters.store.drift import append_statistics
from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.entering import (
    append_decisions,
    enter_decided,
    prepare_decisions,
    replace_exports,
    verdict_counts,
)
from pairsift.adapters.store.registry import insert_missing
from pairsift.adapters.store.rows import (
    AttemptKind,
    AttemptResult,
    ChunkRow,
    Claim,
    DecidedRow,
    ExportRow,
    ModelRow,
    PartitionStatus,
)
from pairsift.adapters.store.tables import (
    PAIR_COLUMNS,
    SCORE_COLUMNS,
    attempt,
    attempt_model,
    chunk,
    model,
    pair,
    partition,
    score,
)
from pairsift.adapters.store.tombstones import refuse_forgotten
from pairsift.errors import ConservationError, Fenced


def renew_lease(engine: Engine, claim: Claim) -> None:
    """Prolong the lease; Fenced if another attempt has the partition. Nothing to do once this one has committed."""
    with writing(engine) as connection:
        _hold_or_done(connection, claim)


def ledgered_chunks(engine: Engine, partition_id: int, fingerprints: Sequence[str]) -> dict[str, ChunkRow]:
    """Give those of the chunks that are in the ledger, whichever attempt made them."""
    query = select(chunk).where(chunk.c.partition_id == partition_id, chunk.c.fingerprint.in_(fingerprints))
    with engine.connect() as connection:
        return {row.fingerprint: _chunk_row(row) for row in connection.execute(query)}


def _chunk_row(row: Row[tuple[object, ...]]) -> ChunkRow:
    recalled: Mapping[str, Sequence[int]] = row.recalled or {}
    by_attempt = {int(attempt_id): tuple(places) for attempt_id, places in recalled.items()}
    return ChunkRow(row.fingerprint, row.uri, row.sha256, row.size, row.rows, by_attempt)


def record_chunk(engine: Engine, claim: Claim, made: ChunkRow) -> None:
    """Enter a chunk, whose file is already durable, in the ledger; Fenced if the claim is over.

    A chunk made again, because its file was gone, takes the place of the old row.
    """
    values = {
        "partition_id": claim.partition_id,
        "fingerprint": made.fingerprint,
        "uri": made.uri,
        "sha256": made.sha256,
        "size": made.size,
        "rows": made.rows,
        "attempt_id": claim.attempt_id,
        "recalled": {str(attempt_id): list(places) for attempt_id, places in made.recalled.items()},
    }
    same = (chunk.c.partition_id == claim.partition_id, chunk.c.fingerprint == made.fingerprint)
    with writing(engine) as connection:
        _hold(connection, claim)
        connection.execute(delete(chunk).where(*same))
        connection.execute(insert(chunk).values(**values, created_at=now(connection)))


def commit_attempt(engine: Engine, claim: Claim, result: AttemptResult) -> None:
    """Make an attempt's rows the partition's truth, in one transaction: all of it or nothing.

    Safe to call again after a lost reply. Fenced if another attempt has the partition; ConservationError if the rows
    are not exactly the pairs read, each scored and decided once; ForgottenError if one was taken down meanwhile.
    """
    with writing(engine) as connection:
        if _hold_or_done(connection, claim):
            return
        _append_rows(connection, claim, result)
        refuse_forgotten(connection, claim.attempt_id, f"partition {claim.partition_id}")
        _check_conservation(connection, claim, result)
        decided = DecidedRow(claim.attempt_id, result.decision_set_id, result.counts, result.mismatch)
        enter_decided(connection, decided)
        append_statistics(connection, claim.attempt_id, result.statistics)
        _append_models(connection, claim, result.models)
        replace_exports(connection, claim.attempt_id, result.decision_set_id, result.out_uri, result.exports)
        _close_attempt(
            connection,
            claim,
            PartitionStatus.COMMITTED,
            decision_set_id=result.decision_set_id,
            calibration_fingerprint=result.calibration_fingerprint,
            chunks=list(result.chunks),
            n_read=result.counts.read,
            n_kept=result.counts.kept,
            n_dropped=result.counts.dropped,
            n_quarantined=result.counts.quarantined,
            damage=[storable_text(message) for message in result.damage],
        )
        _free_partition(
            connection,
            claim,
            status=PartitionStatus.COMMITTED,
            committed_attempt_id=claim.attempt_id,
            shown_decision_set_id=result.decision_set_id,
            error=None,
        )


def commit_export(engine: Engine, claim: Claim, out_uri: str, files: Sequence[ExportRow]) -> None:
    """Enter an export made again from stored results under the committed attempt, whose rows stay as they are.

    Safe to call again after a lost reply; Fenced if another attempt has the partition.
    """
    if claim.kind is not AttemptKind.EXPORT or claim.committed_attempt_id is None:
        raise ValueError(
            f"attempt {claim.attempt_id} is of kind {claim.kind}: an export belongs to a committed attempt"
        )
    with writing(engine) as connection:
        if _hold_or_done(connection, claim):
            return
        own = select(attempt.c.decision_set_id).where(attempt.c.id == claim.committed_attempt_id)
        decision_set_id = connection.execute(own).scalar_one()
        replace_exports(connection, claim.committed_attempt_id, decision_set_id, out_uri, files)
        _close_attempt(connection, claim, PartitionStatus.COMMITTED)
        _free_partition(connection, claim, status=PartitionStatus.COMMITTED, error=None)


def fail_attempt(engine: Engine, claim: Claim, error: str, status: PartitionStatus = PartitionStatus.FAILED) -> bool:
    """Mark attempt and partition failed (or interrupted) and free the lease; committed rows stay.

    False if nothing was marked: the claim is over, or the database cannot be reached and the lease will run out. It
    never raises for either, since it is called while another error is on its way.
    """
    message = storable_text(error)
    try:
        with writing(engine) as connection:
            _hold(connection, claim)
            _close_attempt(connection, claim, status, error=message)
            _free_partition(connection, claim, status=status, error=message)
    except (Fenced, DBAPIError):
        return False
    return True


def _hold(connection: Connection, claim: Claim) -> None:
    """Prove that the claim holds, and take the row's lock: the first statement of every write (Fenced if not)."""
    lease_until = now(connection) + timedelta(seconds=claim.lease_s)
    held = (
        update(partition)
        .where(
            partition.c.id == claim.partition_id,
            partition.c.fence == claim.fence,
            partition.c.status == PartitionStatus.RUNNING,
        )
        .values(lease_until=lease_until)
    )
    if connection.execute(held).rowcount != 1:
        raise Fenced(
            f"attempt {claim.fence} no longer holds partition {claim.partition_id}: taken, or given up as dead"
        )


def _hold_or_done(connection: Connection, claim: Claim) -> bool:
    """Prove that the claim holds; True if it is over because this very attempt has committed."""
    try:
        _hold(connection, claim)
    except Fenced:
        status = connection.scalar(select(attempt.c.status).where(attempt.c.id == claim.attempt_id))
        if status == PartitionStatus.COMMITTED:
            return True
        raise
    return False


def _append_rows(connection: Connection, claim: Claim, result: AttemptResult) -> None:
    attempt_id = claim.attempt_id
    pairs = ((attempt_id, *row) for row in result.pairs)
    insert_rows(connection, pair, ("attempt_id", *PAIR_COLUMNS), pairs)
    scores = ((attempt_id, *row) for row in result.scores)
    insert_rows(connection, score, ("attempt_id", *SCORE_COLUMNS), scores)
    append_decisions(connection, prepare_decisions(attempt_id, result.decision_set_id, result.decisions))


def _check_conservation(connection: Connection, claim: Claim, result: AttemptResult) -> None:
    """Refuse to commit unless read = kept + dropped + quarantined, in rows as in words."""
    rows = {name: _rows_of(connection, table, claim.attempt_id) for name, table in (("pair", pair), ("score", score))}
    found = verdict_counts(connection, claim.attempt_id, result.decision_set_id)
    complete = (result.counts.read, result.counts.read - 1 if result.counts.read else None)
    if found != result.counts or not found.conserved or any(row != complete for row in rows.values()):
        raise ConservationError(
            f"partition {claim.partition_id}: {result.counts} were to be committed, but the decisions are {found} and "
            f"rows and last ordinals {rows}: a bug, report it"
        )


def _rows_of(connection: Connection, table: Table, attempt_id: int) -> tuple[int, int | None]:
    query = select(func.count(), func.max(table.c.ordinal)).where(table.c.attempt_id == attempt_id)
    count, last = connection.execute(query).one()
    return count, last


def _append_models(connection: Connection, claim: Claim, models: Sequence[ModelRow]) -> None:
    if not models:
        return
    # In one order for all: two commits that add the same models in two orders would deadlock.
    by_fingerprint = {known.fingerprint: known for known in models}
    insert_missing(connection, model, [asdict(by_fingerprint[key]) for key in sorted(by_fingerprint)])
    ids = connection.scalars(select(model.c.id).where(model.c.fingerprint.in_(by_fingerprint)))
    links = [{"attempt_id": claim.attempt_id, "model_id": model_id} for model_id in ids]
    connection.execute(insert(attempt_model), links)


def _close_attempt(connection: Connection, claim: Claim, status: PartitionStatus, **values: object) -> None:
    closed = update(attempt).where(attempt.c.id == claim.attempt_id)
    connection.execute(closed.values(status=status, ended_at=now(connection), **values))


def _free_partition(connection: Connection, claim: Claim, **values: object) -> None:
    freed = update(partition).where(partition.c.id == claim.partition_id)
    connection.execute(freed.values(lease_until=None, **values))
