"""What people say of pairs: appended, never changed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.tables import label


@dataclass(frozen=True, slots=True)
class Label:
    """What someone says of a pair, named by its uid; `drawn` if the pair was drawn for them, not chosen by them."""

    uid: str
    good: bool
    drawn: bool
    made_by: str


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """How many pairs are labelled, and how many of them good, by their newest labels."""

    pairs: int
    good: int


def add_label(engine: Engine, dataset_id: int, said: Label) -> None:
    """Append a label; of its pair it is the one that counts from now on."""
    with writing(engine) as connection:
        connection.execute(label.insert(), {**asdict(said), "dataset_id": dataset_id, "created_at": now(connection)})


def labels_of(engine: Engine, dataset_id: int, uids: Sequence[str]) -> dict[str, Label]:
    """Give the newest label of each of some pairs, by uid; nothing of those without one."""
    newest = select(func.max(label.c.id)).where(label.c.dataset_id == dataset_id, label.c.uid.in_(uids))
    query = select(label.c.uid, label.c.good, label.c.drawn, label.c.made_by)
    with engine.connect() as connection:
        rows = connection.execute(query.where(label.c.id.in_(newest.group_by(label.c.uid))))
        return {row.uid: Label(*row) for row in rows}


def history_of(engine: Engine, dataset_id: int, uid: str) -> list[tuple[Label, datetime]]:
    """List everything that was said of a pair, the newest first, with when it was."""
    query = select(label.c.uid, label.c.good, label.c.drawn, label.c.made_by, label.c.created_at)
    here = query.where(label.c.dataset_id == dataset_id, label.c.uid == uid).order_by(label.c.id.desc())
    with engine.connect() as connection:
        return [(Label(*said), when) for *said, when in connection.execute(here)]


def drawn_labels(engine: Engine, dataset_id: int) -> dict[str, bool]:
    """Say of every pair that was labelled as it was drawn whether it is good, by its newest label."""
    here = label.c.dataset_id == dataset_id
    drawn = select(label.c.uid).where(here, label.c.drawn)
    newest = select(func.max(label.c.id)).where(here, label.c.uid.in_(drawn)).group_by(label.c.uid)
    query = select(label.c.uid, label.c.good).where(label.c.id.in_(newest))
    with engine.connect() as connection:
        return dict(connection.execute(query).tuples().all())


def last_drawn(engine: Engine, dataset_id: int) -> Label | None:
    """Give the newest label of the pair that was labelled last as it was drawn; None where there is none."""
    drawn = select(label.c.uid).where(label.c.dataset_id == dataset_id, label.c.drawn)
    with engine.connect() as connection:
        uid = connection.scalars(drawn.order_by(label.c.id.desc()).limit(1)).one_or_none()
    return None if uid is None else labels_of(engine, dataset_id, [uid])[uid]


def count_labels(engine: Engine, dataset_id: int) -> LabelCounts:
    """Count the labelled pairs of a data set."""
    newest = select(func.max(label.c.id)).where(label.c.dataset_id == dataset_id).group_by(label.c.uid)
    good = select(label.c.good, func.count()).where(label.c.id.in_(newest)).group_by(label.c.good)
    with engine.connect() as connection:
        counts: dict[bool, int] = dict(connection.execute(good).tuples().all())
    return LabelCounts(sum(counts.values()), counts.get(True, 0))
