"""Who may work: the first step of the commit protocol, and what is left to do."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, Engine, Row, Select, and_, insert, select, update

from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.holders import (
    LAST,
    UNFINISHED,
    at_work,
    process_known_dead,
    select_attempts,
    unfinished,
)
from pairsift.adapters.store.process import ProcessIdentity
from pairsift.adapters.store.registry import partition_row, select_partitions
from pairsift.adapters.store.rows import (
    AttemptKind,
    AttemptRequest,
    Claim,
    Committed,
    ExportRow,
    Holder,
    LostAttempt,
    PartitionRow,
    PartitionStatus,
)
from pairsift.adapters.store.tables import attempt, export, partition
from pairsift.errors import Busy, Fenced

OF_COMMIT = and_(attempt.c.id == export.c.attempt_id, attempt.c.decision_set_id == export.c.decision_set_id)
"""Exports of the decisions that an attempt was committed with, not of later ones."""

PartitionRecord = Row[tuple[object, ...]]
AttemptRecord = Row[tuple[object, ...]]


def find_committed(
    engine: Engine, dataset_id: int, decision_fingerprint: str, out_uri: str, names: Sequence[str]
) -> dict[int, Committed]:
    """Find all partitions, by id, whose committed attempt has the input last registered and this decision.

    The caller looks whether the exported files are there. A partition whose last attempt failed is left out: its
    claim sets its state right.
    """
    query = (
        select(partition.c.id, attempt.c.id.label("attempt_id"), attempt.c.number, attempt.c.chunks)
        .select_from(attempt)
        .join(partition, partition.c.committed_attempt_id == attempt.c.id)
        .where(
            partition.c.dataset_id == dataset_id,
            partition.c.status == PartitionStatus.COMMITTED,
            partition.c.input_fingerprint == attempt.c.input_fingerprint,
            attempt.c.decision_fingerprint == decision_fingerprint,
        )
    )
    of_out = (
        _select_exports()
        .join(partition, partition.c.committed_attempt_id == export.c.attempt_id)
        .join(attempt, OF_COMMIT)
        .where(partition.c.dataset_id == dataset_id, export.c.out_uri == out_uri)
    )
    with engine.connect() as connection:
        committed = connection.execute(query).all()
        files = _exports_by_attempt(connection, of_out)
    return {
        row.id: Committed(
            row.id, row.attempt_id, row.number, tuple(row.chunks), _complete(files.get(row.attempt_id, ()), names)
        )
        for row in committed
    }


def begin_attempt(engine: Engine, partition_id: int, request: AttemptRequest, me: ProcessIdentity) -> Claim | Committed:
    """Claim a partition for one attempt, or say that it is committed already (kind `curate` only).

    An attempt whose lease ran out, whose process is known to be dead, or which an earlier try of the same run began, is
    taken over at once and marked lost: the fence makes that safe. Busy if another attempt is at work.
    For kind `export` Fenced if the committed attempt is no longer the one asked for.
    """
    with writing(engine) as connection:
        record = _locked_partition(connection, partition_id)
        committed = _matching_commit(connection, record, request)
        if request.kind is AttemptKind.EXPORT and committed is None:
            raise Fenced(f"partition {record.key} is no longer committed with this input and decision: plan again")
        holder = _live_holder(connection, record, request)
        if request.kind is AttemptKind.CURATE and committed is not None and not request.again:
            if holder is None:
                _close_open_attempts(connection, record.id)
                _set_partition(connection, record.id, status=PartitionStatus.COMMITTED, lease_until=None, error=None)
            return committed
        if holder is not None:
            raise Busy(str(holder))
        return _claim(connection, record, request, me)


def _locked_partition(connection: Connection, partition_id: int) -> PartitionRecord:
    # FOR NO KEY UPDATE: FOR UPDATE would also hold up others' foreign keys to the row.
    query = select(partition).where(partition.c.id == partition_id).with_for_update(key_share=True)
    return connection.execute(query).one()


def _matching_commit(connection: Connection, record: PartitionRecord, request: AttemptRequest) -> Committed | None:
    same = select(attempt.c.id, attempt.c.number, attempt.c.chunks).where(
        attempt.c.id == record.committed_attempt_id,
        attempt.c.input_fingerprint == request.input_fingerprint,
        attempt.c.decision_fingerprint == request.decision_fingerprint,
    )
    found = connection.execute(same).one_or_none()
    if found is None:
        return None
    query = _select_exports().join(attempt, OF_COMMIT)
    query = query.where(export.c.attempt_id == found.id, export.c.out_uri == request.out_uri)
    files = _exports_by_attempt(connection, query).get(found.id, [])
    return Committed(record.id, found.id, found.number, tuple(found.chunks), _complete(files, request.files))


def _live_holder(connection: Connection, record: PartitionRecord, request: AttemptRequest) -> Holder | None:
    """Find who is at work on the partition, if that is not over and not an earlier try of the same run."""
    last = connection.execute(select_attempts().where(LAST, partition.c.id == record.id)).one_or_none()
    if last is None or not at_work(last, now(connection)):
        return None
    if request.run_id is not None and last.run_id == request.run_id:
        return None
    return Holder(
        partition=last.key,
        attempt=last.number,
        host=last.host,
        pid=last.pid,
        started_at=last.started_at,
        lease_until=last.lease_until,
    )


def _claim(connection: Connection, record: PartitionRecord, request: AttemptRequest, me: ProcessIdentity) -> Claim:
    started_at = now(connection)
    fence = record.fence + 1
    _close_open_attempts(connection, record.id)
    _set_partition(
        connection,
        record.id,
        status=PartitionStatus.RUNNING,
        fence=fence,
        lease_until=started_at + timedelta(seconds=request.lease_s),
    )
    values = _new_attempt(record.id, request, me) | {"number": fence, "started_at": started_at}
    attempt_id = connection.execute(insert(attempt).values(values).returning(attempt.c.id)).scalar_one()
    return Claim(record.id, attempt_id, fence, request.kind, request.lease_s, record.committed_attempt_id)


def _new_attempt(partition_id: int, request: AttemptRequest, me: ProcessIdentity) -> dict[str, object]:
    return {
        "partition_id": partition_id,
        "kind": request.kind,
        "status": PartitionStatus.RUNNING,
        "host": me.host,
        "pid": me.pid,
        "boot_id": me.boot_id,
        "pid_namespace": me.pid_namespace,
        "process_start": me.start,
        "run_id": request.run_id,
        "flow_run_id": request.flow_run_id,
        "config_hash": request.config_hash,
        "versions": dict(request.versions),
        "input_fingerprint": request.input_fingerprint,
        "score_fingerprint": request.score_fingerprint,
        "decision_fingerprint": request.decision_fingerprint,
        "device": request.device,
        "dtype": request.dtype,
    }


def _close_open_attempts(connection: Connection, partition_id: int) -> None:
    """Mark lost what an earlier process left running; nothing it writes passes the fence any more."""
    still_open = and_(attempt.c.partition_id == partition_id, attempt.c.status == PartitionStatus.RUNNING)
    lost = update(attempt).where(still_open).values(status=PartitionStatus.LOST, ended_at=now(connection))
    connection.execute(lost)


def _set_partition(connection: Connection, partition_id: int, **values: object) -> None:
    connection.execute(update(partition).where(partition.c.id == partition_id).values(values))


def partitions_to_rerun(engine: Engine, dataset_id: int) -> list[PartitionRow]:
    """List, by key, the partitions that failed, were lost or interrupted, or whose attempt ended without a word.

    The last are running ones whose lease ran out or whose process is known to be dead.
    """
    query = (
        select_partitions()
        .where(partition.c.dataset_id == dataset_id, partition.c.status.in_(UNFINISHED))
        .order_by(partition.c.key)
    )
    with engine.connect() as connection:
        ids = {row.partition_id for row in unfinished(connection, partition.c.dataset_id == dataset_id)}
        return [partition_row(row) for row in connection.execute(query) if row.id in ids]


def lose_dead_attempts(engine: Engine) -> list[LostAttempt]:
    """Mark lost every running partition, and its attempt, whose lease ran out or whose process is known to be dead.

    Each is looked at again under its row's lock: one that was renewed, taken or ended meanwhile is left alone, and so
    is one that is being written just now. An orphan that still works is fenced from then on.
    """
    with engine.connect() as connection:
        rows = connection.execute(select_attempts().where(LAST, partition.c.status == PartitionStatus.RUNNING)).all()
        time = now(connection)
    lost = (_lose_if_dead(engine, row.partition_id) for row in rows if not at_work(row, time))
    return [each for each in lost if each is not None]


def _lose_if_dead(engine: Engine, partition_id: int) -> LostAttempt | None:
    # Whoever has the row's lock is alive, or the database will soon notice that it is not: no need to wait.
    lock = (
        select(partition.c.id).where(partition.c.id == partition_id).with_for_update(key_share=True, skip_locked=True)
    )
    last_attempt = select_attempts().where(LAST, partition.c.id == partition_id)
    with writing(engine) as connection:
        if connection.execute(lock).one_or_none() is None:
            return None
        last = connection.execute(last_attempt).one()
        time = now(connection)
        if last.partition_status != PartitionStatus.RUNNING or at_work(last, time):
            return None
        error = _obituary(last)
        closed = update(attempt).where(attempt.c.id == last.id)
        connection.execute(closed.values(status=PartitionStatus.LOST, ended_at=time, error=error))
        _set_partition(connection, partition_id, status=PartitionStatus.LOST, lease_until=None, error=error)
    return LostAttempt(last.dataset, last.key, last.number, last.run_id, last.flow_run_id, last.host, last.pid)


def _obituary(last: AttemptRecord) -> str:
    ran_out = f"whose lease ran out on {last.lease_until:%Y-%m-%d %H:%M:%S} UTC"
    end = "which has ended" if process_known_dead(last) else ran_out
    return f"no sign of life: attempt {last.number} on host {last.host}, process {last.pid}, {end}"


def _select_exports() -> Select[tuple[object, ...]]:
    return select(
        export.c.attempt_id,
        export.c.name,
        export.c.uri,
        export.c.rows,
        export.c.sha256,
        export.c.size,
        export.c.export_fingerprint,
    ).order_by(export.c.name)


def _exports_by_attempt(connection: Connection, query: Select[tuple[object, ...]]) -> dict[int, list[ExportRow]]:
    files: dict[int, list[ExportRow]] = {}
    for attempt_id, *values in connection.execute(query):
        files.setdefault(attempt_id, []).append(ExportRow(*values))
    return files


def _complete(files: Sequence[ExportRow], names: Sequence[str]) -> tuple[ExportRow, ...]:
    """Give the files if they are exactly those of these names, else none: the export is made again as a whole."""
    return tuple(files) if sorted(file.name for file in files) == sorted(names) else ()
