"""Takedowns in the store: what is taken down, where it is, and what is still to be done."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.holders import LAST, at_work, select_attempts
from pairsift.adapters.store.rows import PartitionStatus
from pairsift.adapters.store.tables import attempt, dataset, decision, label, pair, partition, takedown
from pairsift.adapters.store.tombstones import enter_tombstones
from pairsift.core.forgetting import FORGOTTEN_KEY, FORGOTTEN_UID, Named, tombstone
from pairsift.core.records import Reason

ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Subject:
    """What is taken down: uids and images' sha256s; and, to look for them, what its pairs were called."""

    uids: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def joined(self, other: "Subject") -> "Subject":
        """Join two subjects."""
        pairs = zip(asdict(self).values(), asdict(other).values(), strict=True)
        return Subject(*(tuple(sorted({*one, *another})) for one, another in pairs))

    @property
    def tombstones(self) -> dict[str, Named]:
        """The digests that keep it out."""
        pairs = {tombstone(Named.PAIR, uid): Named.PAIR for uid in self.uids}
        return pairs | {tombstone(Named.IMAGE, image): Named.IMAGE for image in self.images}


@dataclass(frozen=True, slots=True)
class FoundPair:
    """A row of a pair, with where it stands; `member` says nothing of it but its place."""

    partition_id: int
    dataset: str
    partition: str
    attempt_id: int
    ordinal: int
    key: str
    uid: str
    image_sha256: str | None

    @property
    def place(self) -> str:
        """Name it as decisions name keepers of copies."""
        return f"{self.partition}/{self.key}"


@dataclass(frozen=True, slots=True)
class Journal:
    """Takedowns that have begun and are not complete: what they are of, and the files that are to go."""

    subject: Subject = Subject()
    doomed: tuple[str, ...] = ()


def find_rows(engine: Engine, subject: Subject) -> list[FoundPair]:
    """Find every row of the pairs, in whatever attempt; by an image's sha256 all pairs are read: there is no index."""
    found: dict[tuple[int, int], FoundPair] = {}
    with engine.connect() as connection:
        for batch in in_batches(subject.uids):
            found |= {(row.attempt_id, row.ordinal): FoundPair(*row) for row in _found(connection, pair.c.uid, batch)}
        for batch in in_batches(subject.images):
            rows = _found(connection, pair.c.image_sha256, batch)
            found |= {(row.attempt_id, row.ordinal): FoundPair(*row) for row in rows}
    return [found[place] for place in sorted(found)]


def find_key(engine: Engine, key: str) -> list[FoundPair]:
    """Find every row of the pairs of a key, or of PARTITION/KEY, or of DATASET/PARTITION/KEY."""
    parts = key.split("/")
    with engine.connect() as connection:
        rows = [
            FoundPair(*row) for row in _found(connection, pair.c.key, ["/".join(parts[n:]) for n in range(len(parts))])
        ]
    return [row for row in rows if key in {row.key, row.place, f"{row.dataset}/{row.place}"}]


def _found(connection: Connection, column: Any, values: Sequence[str]) -> Sequence[Row[Any]]:  # noqa: ANN401 - of SQLAlchemy
    query = (
        select(partition.c.id, dataset.c.name, partition.c.key.label("partition"), pair.c.attempt_id, pair.c.ordinal)
        .add_columns(pair.c.key, pair.c.uid, pair.c.image_sha256)
        .join(attempt, attempt.c.id == pair.c.attempt_id)
        .join(partition, partition.c.id == attempt.c.partition_id)
        .join(dataset, dataset.c.id == partition.c.dataset_id)
        .where(column.in_(values))
    )
    return connection.execute(query).all()


def open_takedowns(engine: Engine) -> Journal:
    """Join what takedowns that were begun are still to do."""
    with engine.connect() as connection:
        rows = connection.execute(select(takedown.c.subject, takedown.c.doomed)).all()
    journal = Journal()
    for subject, doomed in rows:
        known = Subject(**{name: tuple(values) for name, values in subject.items()})
        journal = Journal(journal.subject.joined(known), tuple(sorted({*journal.doomed, *doomed})))
    return journal


def begin_takedown(engine: Engine, subject: Subject, doomed: Collection[str]) -> None:
    """Enter the tombstones, and what is to be done; after it no attempt can commit one of the pairs."""
    with writing(engine) as connection:
        enter_tombstones(connection, subject.tombstones)
        connection.execute(delete(takedown))
        row = {"subject": asdict(subject), "doomed": sorted(doomed), "created_at": now(connection)}
        connection.execute(insert(takedown), row)


def doom(connection: Connection, uris: Iterable[str]) -> None:
    """Note files that are to go, in the transaction after which nothing shows them."""
    known = connection.execute(select(takedown.c.id, takedown.c.doomed)).one()
    doomed = sorted({*known.doomed, *uris})
    connection.execute(update(takedown).where(takedown.c.id == known.id).values(doomed=doomed))


def end_takedown(engine: Engine) -> None:
    """Forget what was looked for: only tombstones are left. SQLite writes zeros over it."""
    with writing(engine) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        connection.execute(delete(takedown))


def wait_for_commits(engine: Engine) -> list[str]:
    """Wait until what is being committed is there to be found, and name the partitions on which somebody is at work."""
    running = select(partition.c.id).where(partition.c.status == PartitionStatus.RUNNING).order_by(partition.c.id)
    with engine.connect() as connection:
        ids = connection.scalars(running).all()
    working = []
    for partition_id in ids:
        with writing(engine) as connection:
            last = lock_partition(connection, partition_id)
            if at_work(last, now(connection)):
                working.append(f"{last.dataset}/{last.key}")
    return working


def lock_partition(connection: Connection, partition_id: int) -> Row[Any]:
    """Lock a partition's row, and give its last attempt as `at_work` takes it."""
    lock = select(partition.c.id).where(partition.c.id == partition_id).with_for_update(key_share=True)
    connection.execute(lock)
    return connection.execute(select_attempts().where(LAST, partition.c.id == partition_id)).one()


def copies_named(engine: Engine, subject: Subject) -> int:
    """Count the decisions on other pairs that name these as what they are copies of; every decision is read."""
    with engine.connect() as connection:
        return sum(1 for _ in _naming(connection, subject))


def unname_copies(engine: Engine, subject: Subject) -> int:
    """Take the pairs' names out of decisions on copies of them; return how many told of them."""
    with writing(engine) as connection:
        naming = list(_naming(connection, subject))
        for row in naming:
            keeper = row.duplicate_of
            if keeper in subject.names:
                keeper = f"{keeper.rpartition('/')[0]}/{FORGOTTEN_KEY}"
            group = FORGOTTEN_UID if row.duplicate_group in subject.uids else row.duplicate_group
            place = {name: getattr(row, name) for name in ("attempt_id", "decision_set_id", "ordinal")}
            named = update(decision).filter_by(**place)
            connection.execute(named.values(duplicate_of=keeper, duplicate_group=group))
    return len(naming)


def labels_of(engine: Engine, subject: Subject) -> int:
    """Count what people said of the pairs."""
    with engine.connect() as connection:
        query = select(func.count()).select_from(label)
        return sum(
            connection.execute(query.where(label.c.uid.in_(batch))).scalar_one() for batch in in_batches(subject.uids)
        )


def remove_labels(engine: Engine, subject: Subject) -> None:
    """Remove what people said of the pairs."""
    with writing(engine) as connection:
        for batch in in_batches(subject.uids):
            connection.execute(delete(label).where(label.c.uid.in_(batch)))


def _naming(connection: Connection, subject: Subject) -> Iterator[Row[Any]]:
    columns = (decision.c.attempt_id, decision.c.decision_set_id, decision.c.ordinal)
    told = select(*columns, decision.c.duplicate_of, decision.c.duplicate_group)
    told = told.where(decision.c.duplicate_group.is_not(None), decision.c.reason.is_distinct_from(Reason.FORGOTTEN))
    names, uids = set(subject.names), set(subject.uids)
    for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(told):
        if row.duplicate_of in names or row.duplicate_group in uids:
            yield row
