"""What of the store nothing refers to any more."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, Select, case, exists, func, select

from pairsift.adapters.store.engine import now
from pairsift.adapters.store.holders import LAST, at_work, select_attempts
from pairsift.adapters.store.rows import AttemptKind, PartitionStatus
from pairsift.adapters.store.tables import (
    attempt,
    chunk,
    dataset,
    decided_attempt,
    decision_set,
    export,
    partition,
    policy,
    release_file,
    release_partition,
)
from pairsift.core.policy import Policy

RELEASED = case((release_file.c.withdrawn_at.is_(None), release_file.c.uri), else_=release_file.c.replaced_by)
"""The file that a release has now; NULL where nothing is in the place of one that held what was taken down."""


@dataclass(frozen=True, slots=True)
class SupersededAttempt:
    """A committed attempt that another one has taken the place of, and how many pairs its rows are of."""

    id: int
    partition_id: int
    name: str
    pairs: int


@dataclass(frozen=True, slots=True)
class SupersededDecisions:
    """Decisions on a standing attempt that are not shown; `name` is PARTITION, policy and version."""

    attempt_id: int
    decision_set_id: int
    partition_id: int
    name: str
    pairs: int


@dataclass(frozen=True, slots=True)
class LooseChunk:
    """A row of the ledger to which no attempt with rows refers."""

    partition_id: int
    fingerprint: str
    uri: str


@dataclass(frozen=True, slots=True)
class AtWork:
    """The partitions on which somebody is at work, by id and as (data set, key); their numbers are fences."""

    fences: dict[int, int]
    names: frozenset[tuple[str, str]]


def partitions_at_work(engine: Engine) -> AtWork:
    """Find the partitions whose last attempt is alive."""
    query = select_attempts().where(LAST, partition.c.status == PartitionStatus.RUNNING)
    with engine.connect() as connection:
        time = now(connection)
        rows = [row for row in connection.execute(query) if at_work(row, time)]
    return AtWork({row.partition_id: row.fence for row in rows}, frozenset((row.dataset, row.key) for row in rows))


def superseded_attempts(engine: Engine, before: datetime) -> list[SupersededAttempt]:
    """List the attempts that were superseded before a time, to which no release and no settling refers.

    What stood of a data set's copies is told by what was settled last of each partition, also of an earlier attempt.
    """
    with engine.connect() as connection:
        spared = {attempt_id for attempt_id, _ in _settled_last(connection)}
        rows = connection.execute(_superseded(before).order_by(attempt.c.id)).all()
    return [
        SupersededAttempt(row.id, row.partition_id, f"{row.dataset}/{row.key}, attempt {row.number}", row.n_read)
        for row in rows
        if row.id not in spared
    ]


def _superseded(before: datetime) -> Select[tuple[object, ...]]:
    standing = attempt.alias("standing")
    released = exists().where(release_partition.c.attempt_id == attempt.c.id)
    return (
        select(attempt.c.id, attempt.c.partition_id, attempt.c.number, attempt.c.n_read)
        .add_columns(dataset.c.name.label("dataset"), partition.c.key)
        .join(partition, partition.c.id == attempt.c.partition_id)
        .join(dataset, dataset.c.id == partition.c.dataset_id)
        .join(standing, standing.c.id == partition.c.committed_attempt_id)
        .where(attempt.c.kind == AttemptKind.CURATE, attempt.c.status == PartitionStatus.COMMITTED)
        .where(attempt.c.id != standing.c.id, standing.c.ended_at < before, attempt.c.n_read.is_not(None))
        .where(exists().where(decided_attempt.c.attempt_id == attempt.c.id), ~released)
    )


def _settled_last(connection: Connection) -> set[tuple[int, int]]:
    """Name by attempt and decision set what was settled last of each partition by policies that find copies alike."""
    query = (
        select(attempt.c.partition_id, policy.c.id, policy.c.text, decided_attempt.c.attempt_id, decision_set.c.id)
        .select_from(decided_attempt)
        .join(attempt, attempt.c.id == decided_attempt.c.attempt_id)
        .join(decision_set, decision_set.c.id == decided_attempt.c.decision_set_id)
        .join(policy, policy.c.id == decision_set.c.policy_id)
        .where(decided_attempt.c.settling.is_not(None))
        .order_by(decided_attempt.c.settling, attempt.c.id)
    )
    rows = connection.execute(query).all()
    alike = _number_alike({policy_id: text for _, policy_id, text, *_ in rows})
    last = {(part, alike[by]): (attempt_id, set_id) for part, by, _, attempt_id, set_id in rows}
    return set(last.values())


def _number_alike(texts: Mapping[int, str]) -> dict[int, int]:
    """Give policies that find copies as each other does the same number."""
    policies = {policy_id: Policy.model_validate_json(text) for policy_id, text in texts.items()}
    numbers: dict[int, int] = {}
    for policy_id, each in policies.items():
        same = (known for known in numbers if each.finds_copies_as(policies[known]))
        numbers[policy_id] = numbers.get(next(same, policy_id), policy_id)
    return numbers


def superseded_decisions(engine: Engine, before: datetime) -> list[SupersededDecisions]:
    """List the decisions on standing attempts, made before a time, that nothing shows, goes by or has released."""
    with engine.connect() as connection:
        spared = _settled_last(connection)
        rows = connection.execute(_not_shown(before).order_by(decided_attempt.c.attempt_id, decision_set.c.id)).all()
    return [
        SupersededDecisions(
            row.attempt_id, row.id, row.partition_id, f"{row.dataset}/{row.key}, set {row.id}", row.pairs
        )
        for row in rows
        if (row.attempt_id, row.id) not in spared
    ]


def _not_shown(before: datetime) -> Select[tuple[object, ...]]:
    released = exists().where(
        release_partition.c.attempt_id == attempt.c.id, release_partition.c.decision_set_id == decision_set.c.id
    )
    active = func.coalesce(dataset.c.active_decision_set_id, 0)
    return (
        select(decided_attempt.c.attempt_id, decision_set.c.id, partition.c.id.label("partition_id"))
        .add_columns(dataset.c.name.label("dataset"), partition.c.key, attempt.c.n_read.label("pairs"))
        .select_from(decided_attempt)
        .join(attempt, attempt.c.id == decided_attempt.c.attempt_id)
        .join(partition, partition.c.committed_attempt_id == attempt.c.id)
        .join(decision_set, decision_set.c.id == decided_attempt.c.decision_set_id)
        .join(dataset, dataset.c.id == partition.c.dataset_id)
        .where(decided_attempt.c.created_at < before, ~released)
        .where(decision_set.c.id.not_in([attempt.c.decision_set_id, partition.c.shown_decision_set_id, active]))
    )


def loose_chunks(engine: Engine, before: datetime, doomed: Collection[int], working: AtWork) -> list[LooseChunk]:
    """List the ledger's rows, made before a time, that no attempt but the `doomed` refers to.

    Only of partitions that are committed: one that failed goes on from what it had scored.
    """
    referring = (
        select(attempt.c.id, attempt.c.partition_id, attempt.c.chunks)
        .where(attempt.c.status == PartitionStatus.COMMITTED, attempt.c.kind == AttemptKind.CURATE)
        .where(exists().where(decided_attempt.c.attempt_id == attempt.c.id))
    )
    ledger = (
        select(chunk.c.partition_id, chunk.c.fingerprint, chunk.c.uri)
        .join(partition, partition.c.id == chunk.c.partition_id)
        .where(partition.c.status == PartitionStatus.COMMITTED, chunk.c.created_at < before)
        .order_by(chunk.c.partition_id, chunk.c.fingerprint)
    )
    with engine.connect() as connection:
        wanted = {
            (partition_id, fingerprint)
            for attempt_id, partition_id, chunks in connection.execute(referring)
            for fingerprint in chunks or ()
            if attempt_id not in doomed
        }
        rows = [LooseChunk(*row) for row in connection.execute(ledger)]
    idle = (row for row in rows if row.partition_id not in working.fences)
    return [row for row in idle if (row.partition_id, row.fingerprint) not in wanted]


def ledgered_uris(engine: Engine, without: Sequence[LooseChunk]) -> set[str]:
    """Name the chunk files that the ledger refers to, but for some of its rows."""
    with engine.connect() as connection:
        counts = Counter(connection.scalars(select(chunk.c.uri)))
    counts.subtract(row.uri for row in without)
    return {uri for uri, count in counts.items() if count > 0}


@dataclass(frozen=True, slots=True)
class ExportedHere:
    """A data set's files at one output: what refers to them, but for what is to go."""

    dataset: str
    out_uri: str
    referred: frozenset[str]


def exported_files(engine: Engine, attempts: Collection[int], sets: Collection[tuple[int, int]]) -> list[ExportedHere]:
    """List by data set and output the files that the store refers to, but for those of some attempts and decisions."""
    query = (
        select(dataset.c.name, export.c.out_uri, export.c.uri, export.c.attempt_id, export.c.decision_set_id)
        .join(attempt, attempt.c.id == export.c.attempt_id)
        .join(partition, partition.c.id == attempt.c.partition_id)
        .join(dataset, dataset.c.id == partition.c.dataset_id)
    )
    places: dict[tuple[str, str], set[str]] = {}
    with engine.connect() as connection:
        for name, out_uri, uri, attempt_id, set_id in connection.execute(query):
            here = places.setdefault((name, out_uri), set())
            if attempt_id not in attempts and (attempt_id, set_id) not in sets:
                here.add(uri)
        released = set(connection.scalars(select(RELEASED).where(RELEASED.is_not(None))))
    return [ExportedHere(*place, frozenset(uris | released)) for place, uris in sorted(places.items())]
