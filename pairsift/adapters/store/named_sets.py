"""Target and evaluation sets in the store: which files they are, by the names that policies call them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from sqlalchemy import Engine, Table, select

from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.rows import NamedSetRow


def register_sets(engine: Engine, table: Table, made: Iterable[NamedSetRow]) -> None:
    """Make sets, whose files are durable, the ones that their names stand for from now on."""
    with writing(engine) as connection:
        values = [{**asdict(row), "created_at": now(connection)} for row in made]
        connection.execute(table.insert(), values)


def name_set(engine: Engine, table: Table, made: Sequence[NamedSetRow]) -> str | None:
    """Let a name stand for a set, as pairs scored in each of these ways see it; return what it stood for before."""
    before = current_set(engine, table, made[0].name, made[0].score_fingerprint)
    if before != made[0].fingerprint:
        register_sets(engine, table, made)
    return before


def current_set(engine: Engine, table: Table, name: str, score_fingerprint: str) -> str | None:
    """Give the fingerprint of the set that a name stands for, as pairs scored so see it; None without one."""
    query = (
        select(table.c.fingerprint)
        .filter_by(name=name, score_fingerprint=score_fingerprint)
        .order_by(table.c.id.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        return connection.scalar(query)


def set_names(engine: Engine, table: Table, score_fingerprint: str) -> list[str]:
    """List the names of the sets that there are for pairs scored so."""
    query = select(table.c.name).filter_by(score_fingerprint=score_fingerprint)
    with engine.connect() as connection:
        return list(connection.scalars(query.distinct().order_by(table.c.name)))


def set_fingerprints(engine: Engine, table: Table) -> list[str]:
    """List the fingerprints of all sets that names stand for or stood for."""
    with engine.connect() as connection:
        return list(connection.scalars(select(table.c.fingerprint).distinct().order_by(table.c.fingerprint)))
