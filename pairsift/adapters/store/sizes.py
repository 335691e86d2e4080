"""How much is stored, and how much more is to be expected: from the ledgers, however many pairs there are."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, Select, exists, func, select

from pairsift.adapters.store.tables import attempt, chunk, decided_attempt, export, partition


@dataclass(frozen=True, slots=True)
class StoreSizes:
    """Pairs that stand committed, `rows` of these and of superseded attempts, and the bytes of what is kept of them.

    What is to come are the partitions that were never committed, taken to have as many pairs as the others, each with
    as many bytes; None where nothing is committed to go by. Files that no ledger knows are not counted.
    """

    pairs: int
    rows: int
    database_bytes: int
    chunks_bytes: int
    exports_bytes: int
    bytes_per_pair: float | None
    partitions_to_come: int
    pairs_to_come: int | None
    bytes_to_come: int | None


def measure_store(engine: Engine) -> StoreSizes:
    """Sum up what is stored: no table of pairs is read."""
    with engine.connect() as connection:
        pairs, partitions = connection.execute(_standing()).one()
        rows = connection.execute(_rows()).scalar_one()
        to_come = connection.execute(_never_committed()).scalar_one()
        sizes = (_database_bytes(connection), _bytes_of(connection, _chunks()), _bytes_of(connection, _exports()))
    # Superseded rows and chunks are there to be pruned: what stands costs its share of them.
    per_pair = sum(sizes) / rows if rows else None
    expected = round(to_come * pairs / partitions) if partitions else None
    bytes_to_come = None if per_pair is None or expected is None else round(per_pair * expected)
    return StoreSizes(pairs, rows, *sizes, per_pair, to_come, expected, bytes_to_come)


def _standing() -> Select[tuple[int, int]]:
    total = func.coalesce(func.sum(attempt.c.n_read), 0)
    return select(total, func.count()).join(partition, partition.c.committed_attempt_id == attempt.c.id)


def _rows() -> Select[tuple[int]]:
    there = exists().where(decided_attempt.c.attempt_id == attempt.c.id)
    return select(func.coalesce(func.sum(attempt.c.n_read), 0)).where(there)


def _never_committed() -> Select[tuple[int]]:
    return select(func.count()).select_from(partition).where(partition.c.committed_attempt_id.is_(None))


def _chunks() -> Select[tuple[str, int]]:
    return select(chunk.c.uri, chunk.c.size).distinct()


def _exports() -> Select[tuple[str, int]]:
    return select(export.c.uri, export.c.size).distinct()


def _bytes_of(connection: Connection, files: Select[tuple[str, int]]) -> int:
    each = files.subquery()
    return int(connection.execute(select(func.coalesce(func.sum(each.c.size), 0))).scalar_one())


def _database_bytes(connection: Connection) -> int:
    if connection.dialect.name == "postgresql":
        return int(connection.execute(select(func.pg_database_size(func.current_database()))).scalar_one())
    path = str(connection.engine.url.database)
    files = (Path(path), Path(f"{path}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
