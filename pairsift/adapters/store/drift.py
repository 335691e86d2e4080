"""What drift is told by: statistics of attempts, reference windows, and how attempts compare with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, Select, exists, insert, or_, select

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.registry import insert_missing
from pairsift.adapters.store.tables import attempt, dataset, drift, partition, reference_window, statistics
from pairsift.core.drift import Drift, Statistics
from pairsift.core.sketches import sketches_from_json, sketches_to_json

STATISTICS_AT_ONCE = 20
"""Read at once: each is up to 100 kB of JSON."""


@dataclass(frozen=True, slots=True)
class AttemptStatistics:
    """The statistics of a committed attempt; `partition` is its partition's key."""

    attempt_id: int
    partition: str
    decision_set_id: int
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class NewWindow:
    """A reference window to be: `statistics` of these partitions, all decided under one decision set or None."""

    partitions: tuple[str, ...]
    decision_set_id: int | None
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class Window:
    """A data set's reference window under one way of scoring; immutable, `number` counts from 1."""

    id: int
    number: int
    created_at: datetime
    partitions: tuple[str, ...]
    decision_set_id: int | None
    statistics: Statistics


def append_statistics(connection: Connection, attempt_id: int, made: Statistics | None) -> None:
    """Add an attempt's statistics within the transaction that commits it; its counts are the attempt's own."""
    if made is None:
        return
    signals = sketches_to_json(made.signals)
    values = {"tested": made.tested, "above_half": made.above_half, "signals": signals}
    connection.execute(insert(statistics).values(attempt_id=attempt_id, **values))


def newest_window(engine: Engine, dataset_name: str, score_fingerprint: str) -> Window | None:
    """Give the reference window that counts, if there is one yet."""
    query = (
        select(reference_window)
        .join(dataset, dataset.c.id == reference_window.c.dataset_id)
        .where(dataset.c.name == dataset_name, reference_window.c.score_fingerprint == score_fingerprint)
        .order_by(reference_window.c.number.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    stated = Statistics(row.pairs, row.kept, row.tested, row.above_half, sketches_from_json(row.signals))
    return Window(row.id, row.number, row.created_at, tuple(row.partitions), row.decision_set_id, stated)


def add_window(engine: Engine, dataset_name: str, score_fingerprint: str, number: int, made: NewWindow) -> None:
    """Add a data set's reference window of this number; if another process was faster, its window stays."""
    with writing(engine) as connection:
        values = {
            "dataset_id": connection.scalar(select(dataset.c.id).where(dataset.c.name == dataset_name)),
            "score_fingerprint": score_fingerprint,
            "number": number,
            "decision_set_id": made.decision_set_id,
            "partitions": list(made.partitions),
            "pairs": made.statistics.pairs,
            "kept": made.statistics.kept,
            "tested": made.statistics.tested,
            "above_half": made.statistics.above_half,
            "signals": sketches_to_json(made.statistics.signals),
            "created_at": now(connection),
        }
        insert_missing(connection, reference_window, [values])


def committed_statistics(engine: Engine, dataset_name: str, score_fingerprint: str) -> Iterator[AttemptStatistics]:
    """Read the statistics of all that stands committed of a data set, scored in this way; a few in memory at once."""
    query = _committed(score_fingerprint).where(dataset.c.name == dataset_name)
    with engine.connect() as connection:
        ids = connection.scalars(query).all()
    return statistics_of(engine, ids)


def statistics_to_compare(
    engine: Engine, partition_ids: Sequence[int], score_fingerprint: str, run_id: str, window_id: int
) -> Iterator[AttemptStatistics]:
    """Read those of what stands committed of these partitions by this run, or was never compared with this window."""
    compared = exists().where(drift.c.attempt_id == attempt.c.id, drift.c.window_id == window_id)
    query = _committed(score_fingerprint).where(or_(attempt.c.run_id == run_id, ~compared))
    with engine.connect() as connection:
        ids = [
            attempt_id
            for batch in in_batches(partition_ids)
            for attempt_id in connection.scalars(query.where(partition.c.id.in_(batch)))
        ]
    return statistics_of(engine, ids)


def statistics_of(engine: Engine, attempt_ids: Sequence[int]) -> Iterator[AttemptStatistics]:
    """Read those of some attempts that have any; a few in memory at once."""
    query = (
        select(partition.c.key, attempt.c.decision_set_id, attempt.c.n_read, attempt.c.n_kept, statistics)
        .join(attempt, attempt.c.id == statistics.c.attempt_id)
        .join(partition, partition.c.id == attempt.c.partition_id)
        .order_by(partition.c.key)
    )
    for start in range(0, len(attempt_ids), STATISTICS_AT_ONCE):
        few = attempt_ids[start : start + STATISTICS_AT_ONCE]
        with engine.connect() as connection:
            rows = connection.execute(query.where(attempt.c.id.in_(few))).all()
        for row in rows:
            sketches = sketches_from_json(row.signals)
            made = Statistics(row.n_read, row.n_kept, row.tested, row.above_half, sketches)
            yield AttemptStatistics(row.attempt_id, row.key, row.decision_set_id, made)


def append_drift(engine: Engine, attempt_id: int, window_id: int, found: Drift) -> None:
    """Record how an attempt compares with a window; what is recorded already stays, so a repetition is harmless."""
    values = {"attempt_id": attempt_id, "window_id": window_id, "level": found.level, "result": found.as_json()}
    with writing(engine) as connection:
        insert_missing(connection, drift, [{**values, "created_at": now(connection)}])


def _committed(score_fingerprint: str) -> Select[tuple[int]]:
    return (
        select(attempt.c.id)
        .select_from(partition)
        .join(dataset, dataset.c.id == partition.c.dataset_id)
        .join(attempt, attempt.c.id == partition.c.committed_attempt_id)
        .join(statistics, statistics.c.attempt_id == attempt.c.id)
        .where(attempt.c.score_fingerprint == score_fingerprint)
        .order_by(partition.c.key)
    )
