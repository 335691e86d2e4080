"""What a report and the review page look up: pairs as they are shown, and the attempts and runs that are committed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, FromClause, Select, and_, bindparam, false, or_, select

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
    query = select(*_SHOWN).select_from(_decided()).where(here, decision.c.decision_set_id == decision_set_id)
    with engine.connect() as connection:
        return dict(connection.execute(query).mappings().one())


def pairs_shown(
    engine: Engine, places: Sequence[tuple[int, int]], decision_set_ids: Mapping[int, int]
) -> list[Mapping[str, Any]]:
    """Read what a person is shown of some pairs, named by attempt and ordinal, in that order.

    `decision_set_ids` are by attempt. With each come its attempt and ordinal, and the Prefect run that decided it.
    """
    found: dict[str, int] = {}
    for number, (attempt_id, ordinal) in enumerate(places):
        found |= {f"attempt_{number}": attempt_id, f"ordinal_{number}": ordinal}
        found[f"set_{number}"] = decision_set_ids[attempt_id]
    with engine.connect() as connection:
        read = connection.execute(_select_shown(len(places)), found).mappings()
        rows = {(row["attempt_id"], row["ordinal"]): dict(row) for row in read}
    return [rows[place] for place in places]


@lru_cache
def _select_shown(count: int) -> Select[Any]:
    """Select so many pairs by their places: made once, as SQLAlchemy takes 2 ms to put 24 conditions together."""
    which = [
        and_(
            pair.c.attempt_id == bindparam(f"attempt_{number}"),
            pair.c.ordinal == bindparam(f"ordinal_{number}"),
            decision.c.decision_set_id == bindparam(f"set_{number}"),
        )
        for number in range(count)
    ]
    here = (pair.c.attempt_id, pair.c.ordinal, attempt.c.run_id, attempt.c.flow_run_id)
    joined = _decided().join(attempt, attempt.c.id == pair.c.attempt_id)
    return select(*here, *_SHOWN).select_from(joined).where(or_(false(), *which))


def places_of(engine: Engine, dataset_id: int, uid: str) -> list[tuple[int, int]]:
    """Name the committed pairs of a content by attempt and ordinal, by their partitions' keys."""
    query = (
        select(pair.c.attempt_id, pair.c.ordinal)
        .join(partition, partition.c.committed_attempt_id == pair.c.attempt_id)
        .where(partition.c.dataset_id == dataset_id, pair.c.uid == uid)
        .order_by(partition.c.key, pair.c.ordinal)
    )
    with engine.connect() as connection:
        return list(connection.execute(query).tuples())


def ordinal_of(engine: Engine, attempt_id: int, key: str) -> int | None:
    """Find a pair of an attempt by its key; None where there is none, the first where there are several."""
    query = select(pair.c.ordinal).where(pair.c.attempt_id == attempt_id, pair.c.key == key).order_by(pair.c.ordinal)
    with engine.connect() as connection:
        return connection.scalars(query.limit(1)).one_or_none()


def _decided() -> FromClause:
    same_score = and_(score.c.attempt_id == pair.c.attempt_id, score.c.ordinal == pair.c.ordinal)
    same_decision = and_(decision.c.attempt_id == pair.c.attempt_id, decision.c.ordinal == pair.c.ordinal)
    return pair.join(score, same_score).join(decision, same_decision)
