"""Who holds a partition, and whether that attempt is still at work."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from pairsift.adapters.store.engine import now
from pairsift.adapters.store.process import ProcessIdentity
from pairsift.adapters.store.rows import PartitionStatus
from pairsift.adapters.store.tables import attempt, dataset, partition

UNFINISHED = (PartitionStatus.FAILED, PartitionStatus.LOST, PartitionStatus.INTERRUPTED, PartitionStatus.RUNNING)
"""States that a rerun takes up; running only if nobody is at work."""
LAST = attempt.c.number == partition.c.fence
"""That an attempt is its partition's last, which holds it if any does."""


def select_attempts() -> Select[tuple[object, ...]]:
    """Select attempts, with what `at_work` needs of their partitions."""
    return (
        select(
            attempt.c.id,
            attempt.c.partition_id,
            attempt.c.number,
            attempt.c.status,
            attempt.c.started_at,
            attempt.c.ended_at,
            attempt.c.error,
            attempt.c.run_id,
            attempt.c.flow_run_id,
            attempt.c.host,
            attempt.c.pid,
            attempt.c.boot_id,
            attempt.c.pid_namespace,
            attempt.c.process_start,
            dataset.c.name.label("dataset"),
            partition.c.key,
            partition.c.status.label("partition_status"),
            partition.c.fence,
            partition.c.lease_until,
        )
        .join(partition, partition.c.id == attempt.c.partition_id)
        .join(dataset, dataset.c.id == partition.c.dataset_id)
    )


def at_work(row: Row[tuple[object, ...]], time: datetime) -> bool:
    """Say whether an attempt holds its partition, its lease runs, and its process is not known to be dead."""
    holds = row.partition_status == PartitionStatus.RUNNING and row.number == row.fence
    return holds and row.lease_until > time and not process_known_dead(row)


def process_known_dead(row: Row[tuple[object, ...]]) -> bool:
    """Say whether an attempt's process has surely ended."""
    process = ProcessIdentity(
        host=row.host, pid=row.pid, boot_id=row.boot_id, pid_namespace=row.pid_namespace, start=row.process_start
    )
    return process.known_dead()


def unfinished(connection: Connection, *where: ColumnElement[bool]) -> Sequence[Row[tuple[object, ...]]]:
    """Give the last attempts of the partitions that a rerun takes up, by data set and key.

    Their partitions failed, were lost or interrupted, or are running ones on which nobody is at work.
    """
    query = select_attempts().where(LAST, partition.c.status.in_(UNFINISHED), *where)
    time = now(connection)
    rows = connection.execute(query.order_by(dataset.c.name, partition.c.key)).all()
    return [row for row in rows if not at_work(row, time)]
