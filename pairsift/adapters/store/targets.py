"""Target sets in the store: which files they are, by the names that policies call them."""

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import Engine, select

from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.rows import TargetRow
from pairsift.adapters.store.tables import target_set


def register_targets(engine: Engine, made: Iterable[TargetRow]) -> None:
    """Make target sets, whose files are durable, the ones that their names stand for from now on."""
    with writing(engine) as connection:
        values = [{**asdict(row), "created_at": now(connection)} for row in made]
        connection.execute(target_set.insert(), values)


def current_target(engine: Engine, name: str, score_fingerprint: str) -> str | None:
    """Give the fingerprint of the target set that a name stands for, as pairs scored so see it; None without one."""
    query = (
        select(target_set.c.fingerprint)
        .filter_by(name=name, score_fingerprint=score_fingerprint)
        .order_by(target_set.c.id.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        return connection.scalar(query)


def target_names(engine: Engine, score_fingerprint: str) -> list[str]:
    """List the names of the target sets that there are for pairs scored so."""
    query = select(target_set.c.name).filter_by(score_fingerprint=score_fingerprint)
    with engine.connect() as connection:
        return list(connection.scalars(query.distinct().order_by(target_set.c.name)))
