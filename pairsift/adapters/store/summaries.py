"""What a run reports: verdicts and reasons of the partitions it covers, and how far those at work are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, Integer, Select, and_, func, or_, select

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.rows import Counts, PartitionStatus
from pairsift.adapters.store.tables import attempt, chunk, dataset, decided_attempt, decision, pair, partition, score
from pairsift.core.records import Verdict

BINS_PER_UNIT = 50
"""Of the histogram of alignments: bins are 0.02 wide."""


@dataclass(frozen=True, slots=True)
class VerdictSummary:
    """Verdicts and reasons that some partitions show; `example` is the key of a dropped pair.

    `recalled` is the number of pairs that an earlier attempt had measured, at these partitions or at others.
    """

    counts: Counts
    reasons: dict[str, int]
    example: str | None
    recalled: int = 0


@dataclass(frozen=True, slots=True)
class AlignmentBin:
    """How many pairs have an alignment around `centre`: those kept, and the others."""

    centre: float
    kept: int
    not_kept: int


@dataclass(frozen=True, slots=True)
class PartitionSummary:
    """A partition's last attempt, and the counts of what it shows, each None where there is none."""

    key: str
    attempt: int | None
    flow_run_id: str | None
    read: int | None
    kept: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt at a partition is: pairs it scored so far, and once it committed, its counts."""

    attempt: int
    partition: str
    status: str
    scored: int
    read: int | None
    kept: int | None
    quarantined: int | None


def summarise(engine: Engine, partition_ids: Sequence[int]) -> VerdictSummary:
    """Count the verdicts and reasons that these partitions show."""
    verdicts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    example: str | None = None
    recalled = 0
    with engine.connect() as connection:
        for ids in in_batches(partition_ids):
            recalled += connection.execute(_recalled_of(ids)).scalar_one()
            for verdict, reason, count, key in connection.execute(_reasons_of(ids)):
                verdicts[verdict] += count
                if reason is not None:
                    reasons[reason] += count
                if verdict == Verdict.DROP:
                    example = example or key
    by_verdict = (verdicts[Verdict.KEEP], verdicts[Verdict.DROP], verdicts[Verdict.QUARANTINE])
    return VerdictSummary(Counts(verdicts.total(), *by_verdict), dict(reasons), example, recalled)


def _recalled_of(partition_ids: Sequence[int]) -> Select[tuple[int]]:
    return (
        select(func.count())
        .select_from(partition)
        .join(score, score.c.attempt_id == partition.c.committed_attempt_id)
        .where(partition.c.id.in_(partition_ids), score.c.measured_attempt_id != score.c.attempt_id)
    )


def _reasons_of(partition_ids: Sequence[int]) -> Select[tuple[str, str | None, int, str]]:
    return (
        select(decision.c.verdict, decision.c.reason, func.count(), func.min(pair.c.key))
        .select_from(partition)
        .join(attempt, attempt.c.id == partition.c.committed_attempt_id)
        .join(
            decision,
            and_(
                decision.c.attempt_id == attempt.c.id,
                decision.c.decision_set_id == partition.c.shown_decision_set_id,
            ),
        )
        .join(pair, and_(pair.c.attempt_id == attempt.c.id, pair.c.ordinal == decision.c.ordinal))
        .where(partition.c.id.in_(partition_ids))
        .group_by(decision.c.verdict, decision.c.reason)
        .order_by(decision.c.verdict, decision.c.reason)
    )


def summarise_partitions(engine: Engine, partition_ids: Sequence[int]) -> list[PartitionSummary]:
    """Tell of each of these partitions how it stands."""
    last, committed = attempt.alias("last"), attempt.alias("committed")
    shown = and_(
        decided_attempt.c.attempt_id == committed.c.id,
        decided_attempt.c.decision_set_id == partition.c.shown_decision_set_id,
    )
    query = (
        select(partition.c.key, last.c.number, last.c.flow_run_id, committed.c.n_read, decided_attempt.c.n_kept)
        .outerjoin(last, and_(last.c.partition_id == partition.c.id, last.c.number == partition.c.fence))
        .outerjoin(committed, committed.c.id == partition.c.committed_attempt_id)
        .outerjoin(decided_attempt, shown)
    )
    with engine.connect() as connection:
        return [
            PartitionSummary(*row)
            for ids in in_batches(partition_ids)
            for row in connection.execute(query.where(partition.c.id.in_(ids)))
        ]


def alignment_histogram(engine: Engine, partition_ids: Sequence[int]) -> list[AlignmentBin]:
    """Count what stands committed in these partitions by `pair.alignment`, in rising bins 0.02 wide.

    A bin holds its lower edge. Bins without pairs are left out, and so are pairs without an alignment.
    """
    kept: Counter[int] = Counter()
    not_kept: Counter[int] = Counter()
    with engine.connect() as connection:
        for ids in in_batches(partition_ids):
            for number, verdict, count in connection.execute(_alignments_of(ids)):
                (kept if verdict == Verdict.KEEP else not_kept)[number] += count
    numbers = sorted(kept.keys() | not_kept.keys())
    return [AlignmentBin((number + 0.5) / BINS_PER_UNIT, kept[number], not_kept[number]) for number in numbers]


def _alignments_of(partition_ids: Sequence[int]) -> Select[tuple[int, str, int]]:
    bins = (
        select(
            func.floor(score.c.pair_alignment * BINS_PER_UNIT).cast(Integer).label("number"),
            decision.c.verdict,
        )
        .select_from(partition)
        .join(attempt, attempt.c.id == partition.c.committed_attempt_id)
        .join(score, score.c.attempt_id == attempt.c.id)
        .join(
            decision,
            and_(
                decision.c.attempt_id == attempt.c.id,
                decision.c.decision_set_id == partition.c.shown_decision_set_id,
                decision.c.ordinal == score.c.ordinal,
            ),
        )
        .where(partition.c.id.in_(partition_ids), score.c.pair_alignment.is_not(None))
        .subquery()
    )
    # Not grouped by the expression itself: with its parameters written twice PostgreSQL takes it for two.
    return select(bins.c.number, bins.c.verdict, func.count()).group_by(bins.c.number, bins.c.verdict)


def progress(engine: Engine, dataset_name: str, after: int = 0) -> list[Progress]:
    """Tell how far the last attempts at partitions are, the latest last: those at work, those after `after`."""
    scored = (
        select(func.coalesce(func.sum(chunk.c.rows), 0))
        .where(chunk.c.partition_id == attempt.c.partition_id, chunk.c.attempt_id == attempt.c.id)
        .correlate(attempt)
        .scalar_subquery()
    )
    query = (
        select(
            attempt.c.id,
            partition.c.key,
            partition.c.status,
            scored,
            attempt.c.n_read,
            attempt.c.n_kept,
            attempt.c.n_quarantined,
        )
        .join(dataset, dataset.c.id == partition.c.dataset_id)
        .join(attempt, and_(attempt.c.partition_id == partition.c.id, attempt.c.number == partition.c.fence))
        .where(dataset.c.name == dataset_name, or_(attempt.c.id > after, attempt.c.status == PartitionStatus.RUNNING))
        .order_by(attempt.c.id)
    )
    with engine.connect() as connection:
        return [Progress(*row) for row in connection.execute(query)]
