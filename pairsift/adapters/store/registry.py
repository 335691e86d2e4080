"""What is known before any work: data sets, their partitions, policies and decision sets. All safe to repeat."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from sqlalchemy import Connection, Engine, Row, Select, Table, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.rows import CalibrationRow, PartitionRow, PartitionStatus
from pairsift.adapters.store.tables import (
    calibration,
    dataset,
    dataset_calibration,
    decided_attempt,
    decision_set,
    partition,
    policy,
)
from pairsift.core.records import PartitionSpec
from pairsift.errors import ConfigError


def register_dataset(engine: Engine, name: str) -> int:
    """Get or create a data set; return its id."""
    with writing(engine) as connection:
        insert_missing(connection, dataset, [{"name": name, "created_at": now(connection)}])
        return int(connection.execute(select(dataset.c.id).where(dataset.c.name == name)).scalar_one())


def dataset_names(engine: Engine) -> list[str]:
    """List all data sets by name."""
    with engine.connect() as connection:
        return list(connection.scalars(select(dataset.c.name).order_by(dataset.c.name)))


def known_members(engine: Engine, dataset_id: int) -> dict[str, tuple[str, ...]]:
    """Give every registered partition's members by its key, as stored at first sight."""
    query = select(partition.c.key, partition.c.members).where(partition.c.dataset_id == dataset_id)
    with engine.connect() as connection:
        return {key: tuple(members) for key, members in connection.execute(query)}


def register_partitions(engine: Engine, dataset_id: int, specs: Sequence[PartitionSpec]) -> list[PartitionRow]:
    """Create the partitions that are new, note where the others lie now; return them in the order of `specs`.

    The members of a known partition never change. ConfigError where a known partition lies elsewhere now and is not the
    same any more: it is another source's, and would take the place of what is committed.
    """
    new = [_new_partition(dataset_id, spec) for spec in sorted(specs, key=lambda spec: spec.key)]
    with writing(engine) as connection:
        _refuse_another_source(connection, dataset_id, specs)
        if new:
            insert = _dialect_insert(connection, partition)
            seen = {name: insert.excluded[name] for name in ("uri", "format", "input_fingerprint")}
            upsert = insert.on_conflict_do_update(index_elements=["dataset_id", "key"], set_=seen)
            # One order for all: two parents that lock the same rows in two orders would deadlock.
            connection.execute(upsert, new)
        rows = connection.execute(select_partitions().where(partition.c.dataset_id == dataset_id))
        by_key = {row.key: partition_row(row) for row in rows}
    return [by_key[spec.key] for spec in specs]


def _refuse_another_source(connection: Connection, dataset_id: int, specs: Sequence[PartitionSpec]) -> None:
    known = {
        row.key: row for row in connection.execute(select_partitions().where(partition.c.dataset_id == dataset_id))
    }
    for spec in specs:
        row = known.get(spec.key)
        if row is not None and row.uri != spec.uri and row.input_fingerprint != spec.input_fingerprint:
            raise ConfigError(
                f"partition {spec.key} of this data set is {row.uri}, and {spec.uri} is another one of that name: "
                "give the source a data set of its own with --dataset NAME"
            )


def partition_spec(engine: Engine, partition_id: int) -> PartitionSpec:
    """Give a registered partition as its source listed it."""
    query = select_partitions().where(partition.c.id == partition_id)
    with engine.connect() as connection:
        row = partition_row(connection.execute(query).one())
    return PartitionSpec(row.key, row.uri, row.format, row.input_fingerprint, row.members)


def _new_partition(dataset_id: int, spec: PartitionSpec) -> dict[str, object]:
    return {
        "dataset_id": dataset_id,
        "key": spec.key,
        "uri": spec.uri,
        "format": spec.format,
        "members": list(spec.members),
        "input_fingerprint": spec.input_fingerprint,
        "status": PartitionStatus.PENDING,
        "fence": 0,
    }


def register_policy(engine: Engine, name: str, version: str, sha256: str, text: str) -> int:
    """Get or create a policy; return its id.

    ConfigError if this name and version, or this content, is known otherwise: decisions already made refer to it.
    """
    values = {"name": name, "version": version, "sha256": sha256, "text": text}
    with writing(engine) as connection:
        insert_missing(connection, policy, [{**values, "created_at": now(connection)}])
        known = _known_policy(connection, name, version, sha256)
    if known is None:
        raise ConfigError(f"policy {name} {version} has the content of a policy known under another name or version")
    return known


def known_policy(engine: Engine, name: str, version: str, sha256: str) -> int | None:
    """Give a policy's id, None if it is not known yet; ConfigError as `register_policy`. Nothing is written."""
    with engine.connect() as connection:
        return _known_policy(connection, name, version, sha256)


def _known_policy(connection: Connection, name: str, version: str, sha256: str) -> int | None:
    same_name = select(policy.c.id, policy.c.sha256).where(policy.c.name == name, policy.c.version == version)
    row = connection.execute(same_name).one_or_none()
    if row is not None and row.sha256 != sha256:
        raise ConfigError(
            f"policy {name} {version} is known with other content (sha256 {row.sha256[:12]}…, now {sha256[:12]}…): "
            "give the changed policy a new version, or another name"
        )
    return None if row is None else int(row.id)


def current_calibration(engine: Engine, dataset_id: int, score_fingerprint: str) -> str | None:
    """Give the fingerprint of the calibration that a data set uses under an encoder; None if it has none yet."""
    with engine.connect() as connection:
        return _current_calibration(connection, dataset_id, score_fingerprint)


def register_calibration(engine: Engine, dataset_id: int, made: CalibrationRow, *, anew: bool = False) -> str:
    """Make a calibration, whose file is durable, the data set's; return the fingerprint of the one that it uses.

    Without `anew` the first one stays: of two runs that made one at once, the later takes the earlier's.
    """
    with writing(engine) as connection:
        connection.execute(select(dataset.c.id).where(dataset.c.id == dataset_id).with_for_update(key_share=True))
        current = _current_calibration(connection, dataset_id, made.score_fingerprint)
        if current == made.fingerprint or (current is not None and not anew):
            return current
        insert_missing(connection, calibration, [{**asdict(made), "created_at": now(connection)}])
        used = {
            "dataset_id": dataset_id,
            "score_fingerprint": made.score_fingerprint,
            "number": _calibrations(connection, dataset_id, made.score_fingerprint) + 1,
            "calibration_fingerprint": made.fingerprint,
            "created_at": now(connection),
        }
        connection.execute(dataset_calibration.insert(), used)
    return made.fingerprint


def _current_calibration(connection: Connection, dataset_id: int, score_fingerprint: str) -> str | None:
    query = (
        select(dataset_calibration.c.calibration_fingerprint)
        .filter_by(dataset_id=dataset_id, score_fingerprint=score_fingerprint)
        .order_by(dataset_calibration.c.number.desc())
        .limit(1)
    )
    return connection.scalar(query)


def _calibrations(connection: Connection, dataset_id: int, score_fingerprint: str) -> int:
    query = select(func.count()).select_from(dataset_calibration)
    return connection.scalars(query.filter_by(dataset_id=dataset_id, score_fingerprint=score_fingerprint)).one()


def open_decision_set(engine: Engine, dataset_id: int, policy_id: int, basis: str) -> int:
    """Get or create the decision set of a policy and a basis (`decision_basis`) over a data set; return its id."""
    values = {"dataset_id": dataset_id, "policy_id": policy_id, "calibration": basis}
    with writing(engine) as connection:
        insert_missing(connection, decision_set, [{**values, "created_at": now(connection)}])
        return int(connection.execute(select(decision_set.c.id).filter_by(**values)).scalar_one())


def find_decision_set(engine: Engine, dataset_id: int, policy_id: int, basis: str) -> int | None:
    """Give the id of the decision set of a policy and a basis over a data set; None if it is not opened yet."""
    query = select(decision_set.c.id).filter_by(dataset_id=dataset_id, policy_id=policy_id, calibration=basis)
    with engine.connect() as connection:
        return connection.scalar(query)


def activate_decision_set(engine: Engine, dataset_id: int, decision_set_id: int) -> None:
    """Make a decision set the one that the data set's lineage shows, of every partition decided under it.

    The others go on showing what they showed, and a partition that is committed later shows its own.
    """
    decided = exists().where(
        decided_attempt.c.attempt_id == partition.c.committed_attempt_id,
        decided_attempt.c.decision_set_id == decision_set_id,
    )
    other = partition.c.shown_decision_set_id.is_distinct_from(decision_set_id)
    # In one order, as `register_partitions`: two that lock the same rows in two orders would deadlock.
    locked = (
        select(partition.c.id)
        .where(partition.c.dataset_id == dataset_id, other, decided)
        .order_by(partition.c.key)
        .with_for_update(key_share=True, of=partition)
    )
    with writing(engine) as connection:
        active = update(dataset).where(dataset.c.id == dataset_id).values(active_decision_set_id=decision_set_id)
        connection.execute(active)
        for ids in in_batches(connection.scalars(locked).all()):
            # Asked again under the lock: a run may have committed another attempt while it was waited for.
            shown = update(partition).where(partition.c.id.in_(ids), decided)
            connection.execute(shown.values(shown_decision_set_id=decision_set_id))


@contextmanager
def dataset_lock(engine: Engine, dataset_id: int) -> Iterator[None]:
    """Hold a data set's row, so that only one process rebuilds its manifest; on SQLite all other writers wait.

    Read the store through the engine meanwhile, not through this lock's connection.
    """
    with writing(engine) as connection:
        connection.execute(select(dataset.c.id).where(dataset.c.id == dataset_id).with_for_update(key_share=True))
        yield


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, leaving those whose primary or unique key is there as they are."""
    connection.execute(_dialect_insert(connection, table).on_conflict_do_nothing(), rows)


def insert_if_missing(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Insert a row unless its key is there; say whether it was inserted.

    PostgreSQL waits for another transaction that is about to insert the same.
    """
    insert = _dialect_insert(connection, table).values(row).on_conflict_do_nothing()
    return connection.execute(insert.returning(*table.primary_key)).one_or_none() is not None


def _dialect_insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def select_partitions() -> Select[tuple[object, ...]]:
    """Select what `partition_row` takes."""
    return select(
        partition.c.id,
        partition.c.dataset_id,
        partition.c.key,
        partition.c.uri,
        partition.c.format,
        partition.c.input_fingerprint,
        partition.c.members,
        partition.c.status,
        partition.c.committed_attempt_id,
    )


def partition_row(row: Row[tuple[object, ...]]) -> PartitionRow:
    """Make the value that leaves the store."""
    values = row._asdict()
    return PartitionRow(**{**values, "members": tuple(values["members"]), "status": PartitionStatus(values["status"])})
