"""Runs: what they were asked for, how their partitions' flow runs fare, and what is to be asked for again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, Row, select

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.holders import at_work, select_attempts, unfinished
from pairsift.adapters.store.registry import insert_missing
from pairsift.adapters.store.rows import PartitionStatus
from pairsift.adapters.store.tables import attempt, dataset, run


@dataclass(frozen=True, slots=True)
class AttemptState:
    """How the latest attempt of a partition's flow run fares.

    `live`: it holds its partition, its lease runs, and its process is not known to be dead.
    """

    number: int
    status: PartitionStatus
    live: bool
    ended_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class RerunRequest:
    """What a run was asked for, and which of the partitions it was the last to try are to be done again."""

    run_id: str
    request: Mapping[str, object]
    partitions: tuple[str, ...]


def register_run(engine: Engine, run_id: str, dataset_id: int, request: Mapping[str, object]) -> None:
    """Record what a run was asked for, as JSON; a run that is tried again keeps its first row."""
    with writing(engine) as connection:
        values = {"id": run_id, "dataset_id": dataset_id, "request": dict(request), "started_at": now(connection)}
        insert_missing(connection, run, [values])


def known_runs(engine: Engine, ids: Collection[str]) -> set[str]:
    """Give those of the ids that are runs recorded here."""
    with engine.connect() as connection:
        return {
            run_id
            for batch in in_batches(list(ids))
            for run_id in connection.scalars(select(run.c.id).where(run.c.id.in_(batch)))
        }


def attempts_of_flow_runs(engine: Engine, flow_run_ids: Collection[str]) -> dict[str, AttemptState]:
    """Tell, by partition flow run, how the latest attempt that it began fares; those that began none are left out."""
    with engine.connect() as connection:
        time = now(connection)
        return {
            row.flow_run_id: _state(row, time)
            for batch in in_batches(list(flow_run_ids))
            for row in connection.execute(
                select_attempts().where(attempt.c.flow_run_id.in_(batch)).order_by(attempt.c.id)
            )
        }


def _state(row: Row[tuple[object, ...]], time: datetime) -> AttemptState:
    return AttemptState(row.number, PartitionStatus(row.status), at_work(row, time), row.ended_at, row.error)


def requests_to_rerun(engine: Engine, dataset_name: str | None = None) -> list[RerunRequest]:
    """List the runs that were the last to try what `partitions_to_rerun` finds, in one data set or all; oldest first.

    Partitions whose run was not recorded are left to `partitions_without_request`.
    """
    with engine.connect() as connection:
        keys: dict[str | None, list[str]] = {}
        for row in _unfinished(connection, dataset_name):
            keys.setdefault(row.run_id, []).append(row.key)
        known = [row for batch in in_batches([each for each in keys if each]) for row in _recorded(connection, batch)]
    known.sort(key=lambda row: (row.started_at, row.id))
    return [RerunRequest(row.id, row.request, tuple(keys[row.id])) for row in known]


def partitions_without_request(engine: Engine, dataset_name: str | None = None) -> dict[str, list[str]]:
    """List, by data set, the keys of the partitions to rerun of which nobody recorded what their run was asked for.

    They were tried outside a run, or by a version that did not record it: run their source again.
    """
    with engine.connect() as connection:
        rows = _unfinished(connection, dataset_name)
        run_ids = list({row.run_id for row in rows if row.run_id})
        known = {row.id for batch in in_batches(run_ids) for row in _recorded(connection, batch)}
    keys: dict[str, list[str]] = {}
    for row in rows:
        if row.run_id not in known:
            keys.setdefault(row.dataset, []).append(row.key)
    return keys


def _unfinished(connection: Connection, dataset_name: str | None) -> Sequence[Row[tuple[object, ...]]]:
    return unfinished(connection, *([] if dataset_name is None else [dataset.c.name == dataset_name]))


def _recorded(connection: Connection, run_ids: Sequence[str]) -> Sequence[Row[tuple[object, ...]]]:
    return connection.execute(select(run).where(run.c.id.in_(run_ids))).all()
