"""What a report looks up: single pairs as they are shown, and the attempts and runs that stand committed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, FromClause, and_, select

from pairsift.adapters.store.tables import attempt, decision, pair, partition, run, score
from pairsift.core.signals import RELATIVE_SIGNALS, SIGNALS

_SHOWN = (
    pair.c.key,
    pair.c.uid,
    pair.c.caption,
    pair.c.raw_caption,
    pair.c.source_uri,
    pair.c.byte_offset,
    pair.c.byte_size,
    pair.c.image_sha256,
    *(score.c[signal.column] for signal in SIGNALS),
    decision.c.verdict,
    decision.c.reason,
    *(decision.c[signal.name.partition(".")[2]].label(signal.column) for signal in RELATIVE_SIGNALS),
    decision.c.alignment_z,
    decision.c.alignment_p,
    decision.c.alignment_q,
    decision.c.duplicate_of,
)


@dataclass(frozen=True, slots=True)
class CommittedBy:
    """Which run committed a partition's attempt, when it ended, where, and by which versions."""

    run_id: str
    ended_at: datetime | None
    device: str
    dtype: str
    versions: Mapping[str, str]


def committed_by(engine: Engine, dataset_id: int) -> dict[int, CommittedBy]:
    """Tell of every committed attempt of a data set who made it, by the attempt's id."""
    columns = (attempt.c.run_id, attempt.c.ended_at, attempt.c.device, attempt.c.dtype, attempt.c.versions)
    query = (
        select(attempt.c.id, *columns)
        .join(partition, partition.c.committed_attempt_id == attempt.c.id)
        .where(partition.c.dataset_id == dataset_id)
    )
    with engine.connect() as connection:
        return {attempt_id: CommittedBy(*rest) for attempt_id, *rest in connection.execute(query)}


def request_of(engine: Engine, run_id: str) -> Mapping[str, Any] | None:
    """Give what a run was asked for, as JSON; None where an older version did not record it."""
    with engine.connect() as connection:
        return connection.scalar(select(run.c.request).where(run.c.id == run_id))


def pair_shown(engine: Engine, attempt_id: int, ordinal: int, decision_set_id: int) -> Mapping[str, Any]:
    """Read what a person is shown of one pair."""
    here = and_(pair.c.attempt_id == attempt_id, pair.c.ordinal == ordinal)
    query = select(*_SHOWN).select_from(_decided(decision_set_id)).where(here)
    with engine.connect() as connection:
        return dict(connection.execute(query).mappings().one())


def ordinal_of(engine: Engine, attempt_id: int, key: str) -> int | None:
    """Find a pair of an attempt by its key; None where there is none, the first where there are several."""
    query = select(pair.c.ordinal).where(pair.c.attempt_id == attempt_id, pair.c.key == key).order_by(pair.c.ordinal)
    with engine.connect() as connection:
        return connection.scalars(query.limit(1)).one_or_none()


def _decided(decision_set_id: int) -> FromClause:
    same_score = and_(score.c.attempt_id == pair.c.attempt_id, score.c.ordinal == pair.c.ordinal)
    same_decision = and_(
        decision.c.attempt_id == pair.c.attempt_id,
        decision.c.decision_set_id == decision_set_id,
        decision.c.ordinal == pair.c.ordinal,
    )
    return pair.join(score, same_score).join(decision, same_decision)
