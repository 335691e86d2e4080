"""Columns of an attempt's rows: of its pairs, scores and decisions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, Select, Text, cast, select

from pairsift.adapters.store.bulk import fetch_rows
from pairsift.adapters.store.tables import decision, pair, score


def score_columns(engine: Engine, attempt_id: int, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Read some columns of an attempt's scores, by ordinal."""
    query = select(*(score.c[name] for name in columns))
    return _fetch(engine, query.where(score.c.attempt_id == attempt_id).order_by(score.c.ordinal))


def unmeasurable_scores(engine: Engine, attempt_id: int) -> list[tuple[int, str]]:
    """Read why values are absent, as JSON, with the ordinals of the pairs of which there is something to say."""
    why = cast(score.c.unmeasurable, Text)
    query = select(score.c.ordinal, why).where(score.c.attempt_id == attempt_id, why != "{}")
    return _fetch(engine, query)


def source_columns(engine: Engine, attempt_id: int) -> list[tuple[int, str]]:
    """Read the columns of the source that were kept, as JSON, with the ordinals of the pairs that have any."""
    kept = cast(pair.c.source_columns, Text)
    return _fetch(engine, select(pair.c.ordinal, kept).where(pair.c.attempt_id == attempt_id, kept.is_not(None)))


def pair_columns(engine: Engine, attempt_id: int, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Read some columns of an attempt's pairs, by ordinal."""
    query = select(*(pair.c[name] for name in columns))
    return _fetch(engine, query.where(pair.c.attempt_id == attempt_id).order_by(pair.c.ordinal))


def decision_columns(
    engine: Engine, attempt_id: int, decision_set_id: int, columns: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Read some columns of an attempt's decisions under a decision set, by ordinal."""
    here = (decision.c.attempt_id == attempt_id, decision.c.decision_set_id == decision_set_id)
    return _fetch(engine, select(*(decision.c[name] for name in columns)).where(*here).order_by(decision.c.ordinal))


def _fetch(engine: Engine, query: Select[Any]) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return fetch_rows(connection, query)
