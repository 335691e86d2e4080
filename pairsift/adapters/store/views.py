"""The public views, written as queries so that both engines get the same columns and types."""

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    column,
    func,
    select,
    table,
    text,
    true,
)

from pairsift.adapters.store.tables import (
    attempt,
    dataset,
    decided_attempt,
    decision,
    decision_set,
    drift,
    export,
    pair,
    partition,
    policy,
    score,
)
from pairsift.core.signals import SIGNALS


def select_lineage() -> Select[tuple[object, ...]]:
    """Select one row a pair of the committed attempts.

    The verdict is the active decision set's, or, where the partition is not yet decided under that one, the verdict
    that was shown before: at first the one its attempt was committed with, so that no pair is ever without. A kept pair
    has its place in an export if one was written of these very verdicts.
    """
    embeddings_uri = (
        select(export.c.uri)
        .where(
            export.c.attempt_id == attempt.c.id,
            export.c.decision_set_id == decision.c.decision_set_id,
            export.c.name == "embeddings",
        )
        .order_by(export.c.created_at.desc(), export.c.out_uri)
        .limit(1)
        .scalar_subquery()
    )
    kept = decision.c.verdict == "keep"
    measured = attempt.alias("measured")
    measured_partition, measured_dataset = partition.alias("measured_partition"), dataset.alias("measured_dataset")
    return select(
        dataset.c.name.label("dataset"),
        partition.c.key.label("partition"),
        attempt.c.number.label("attempt"),
        pair.c.key,
        pair.c.uid,
        pair.c.source_uid,
        pair.c.source_uri,
        pair.c.byte_offset,
        pair.c.byte_size,
        pair.c.image_sha256,
        pair.c.raw_caption,
        pair.c.caption,
        *(score.c[signal.column] for signal in SIGNALS),
        *_decision_columns(),
        case((kept, embeddings_uri)).label("export_uri"),
        case((and_(kept, embeddings_uri.is_not(None)), decision.c.export_row)).label("export_row"),
        attempt.c.score_fingerprint,
        attempt.c.flow_run_id,
        attempt.c.run_id,
        measured_dataset.c.name.label("measured_dataset"),
        measured_partition.c.key.label("measured_partition"),
        measured.c.number.label("measured_attempt"),
        case((measured.c.id == attempt.c.id, 0), else_=1).label("recalled"),
    ).select_from(
        _decided_pairs(decision.c.decision_set_id == partition.c.shown_decision_set_id)
        .outerjoin(measured, measured.c.id == func.coalesce(score.c.measured_attempt_id, score.c.attempt_id))
        .outerjoin(measured_partition, measured_partition.c.id == measured.c.partition_id)
        .outerjoin(measured_dataset, measured_dataset.c.id == measured_partition.c.dataset_id)
    )


def _select_decisions() -> Select[tuple[object, ...]]:
    """Select one row a pair of the committed attempts and decision set."""
    return select(
        dataset.c.name.label("dataset"),
        partition.c.key.label("partition"),
        attempt.c.number.label("attempt"),
        decision_set.c.id.label("decision_set"),
        case((decision_set.c.id == partition.c.shown_decision_set_id, 1), else_=0).label("active"),
        pair.c.key,
        pair.c.uid,
        *_decision_columns(),
        decision.c.rank,
        decision.c.multiplicity,
    ).select_from(_decided_pairs(true()))


def _decided_pairs(which: ColumnElement[bool]) -> FromClause:
    same_pair = and_(score.c.attempt_id == pair.c.attempt_id, score.c.ordinal == pair.c.ordinal)
    decided = and_(decision.c.attempt_id == pair.c.attempt_id, decision.c.ordinal == pair.c.ordinal, which)
    return (
        pair.join(attempt, attempt.c.id == pair.c.attempt_id)
        .join(partition, partition.c.committed_attempt_id == attempt.c.id)
        .join(dataset, dataset.c.id == partition.c.dataset_id)
        .join(score, same_pair)
        .join(decision, decided)
        .join(decision_set, decision_set.c.id == decision.c.decision_set_id)
        .join(policy, policy.c.id == decision_set.c.policy_id)
    )


def _decision_columns() -> tuple[ColumnElement[object], ...]:
    return (
        decision.c.alignment_z.label("pair_alignment_z"),
        decision.c.alignment_p.label("pair_alignment_p"),
        decision.c.alignment_q.label("pair_alignment_q"),
        decision.c.neg_clip_loss.label("pair_neg_clip_loss"),
        decision.c.norm_sim.label("pair_norm_sim"),
        policy.c.name.label("policy"),
        policy.c.version.label("policy_version"),
        decision.c.verdict,
        case((decision.c.verdict == "keep", 1), else_=0).label("kept"),
        decision.c.reason,
        decision.c.duplicate_group,
        decision.c.duplicate_of,
        decision.c.evaluation_match,
        decision.c.evaluation_distance,
    )


def _select_partitions() -> Select[tuple[object, ...]]:
    """Select one row a partition: its state, its last attempt, and what its committed attempt shows, and its drift."""
    committed = attempt.alias("committed")
    last = attempt.alias("last")
    newest_drift = (
        select(drift.c.result)
        .where(drift.c.attempt_id == committed.c.id)
        .order_by(drift.c.window_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(
        dataset.c.name.label("dataset"),
        partition.c.key.label("partition"),
        partition.c.status,
        partition.c.uri,
        partition.c.format,
        last.c.number.label("attempt"),
        committed.c.number.label("committed_attempt"),
        committed.c.n_read.label("pairs_read"),
        decided_attempt.c.n_kept.label("pairs_kept"),
        decided_attempt.c.n_dropped.label("pairs_dropped"),
        decided_attempt.c.n_quarantined.label("pairs_quarantined"),
        committed.c.damage,
        last.c.started_at,
        last.c.ended_at,
        partition.c.lease_until,
        last.c.host,
        last.c.pid,
        last.c.device,
        last.c.dtype,
        last.c.flow_run_id,
        last.c.run_id,
        partition.c.error,
        newest_drift.label("drift"),
    ).select_from(
        partition.join(dataset, dataset.c.id == partition.c.dataset_id)
        .outerjoin(committed, committed.c.id == partition.c.committed_attempt_id)
        .outerjoin(
            decided_attempt,
            and_(
                decided_attempt.c.attempt_id == committed.c.id,
                decided_attempt.c.decision_set_id == partition.c.shown_decision_set_id,
            ),
        )
        .outerjoin(last, and_(last.c.partition_id == partition.c.id, last.c.number == partition.c.fence))
    )


def _select_runs() -> Select[tuple[object, ...]]:
    """Select one row a data set and run: what its attempts came to."""
    return (
        select(
            dataset.c.name.label("dataset"),
            attempt.c.run_id,
            func.min(attempt.c.started_at).label("started_at"),
            func.max(attempt.c.ended_at).label("ended_at"),
            func.count().label("attempts"),
            *(
                func.sum(case((attempt.c.status == status, 1), else_=0)).label(status)
                for status in ("running", "committed", "failed", "lost", "interrupted")
            ),
            *(
                func.coalesce(func.sum(attempt.c[f"n_{count}"]), 0).label(f"pairs_{count}")
                for count in ("read", "kept", "dropped", "quarantined")
            ),
        )
        .select_from(
            attempt.join(partition, partition.c.id == attempt.c.partition_id).join(
                dataset, dataset.c.id == partition.c.dataset_id
            )
        )
        .group_by(dataset.c.name, attempt.c.run_id)
    )


QUERIES: dict[str, Select[tuple[object, ...]]] = {
    "pair_lineage": select_lineage(),
    "pair_decisions": _select_decisions(),
    "partition_status": _select_partitions(),
    "run_summary": _select_runs(),
}

pair_lineage, pair_decisions, partition_status, run_summary = (
    table(name, *(column(shown.name, shown.type) for shown in query.selected_columns))
    for name, query in QUERIES.items()
)


def create_views(connection: Connection) -> None:
    """Create the public views on tables of the current version."""
    for name, query in QUERIES.items():
        body = query.compile(connection, compile_kwargs={"literal_binds": True})
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {body}")


def drop_views(connection: Connection) -> None:
    """Drop the public views that there are, before their tables change."""
    for name in QUERIES:
        connection.execute(text(f"DROP VIEW IF EXISTS {name}"))
