"""Remember which attempt measured each pair, and find by its uid who measured a pair before."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ATTEMPT = sa.table("attempt", sa.column("id"), sa.column("partition_id"), sa.column("chunks", sa.JSON))
CHUNK = sa.table(
    "chunk", sa.column("partition_id"), sa.column("fingerprint"), sa.column("rows"), sa.column("attempt_id")
)
SCORE = sa.table("score", sa.column("attempt_id"), sa.column("ordinal"), sa.column("measured_attempt_id"))


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    op.add_column("chunk", sa.Column("recalled", sa.JSON(), nullable=True))
    op.add_column("score", sa.Column("measured_attempt_id", sa.Integer(), nullable=True))
    op.drop_index(op.f("ix_pair_uid"), "pair")
    op.create_index(op.f("ix_pair_uid_pair_attempt_id"), "pair", ["uid", "attempt_id"])
    _name_earlier_measurers(op.get_bind())


def downgrade() -> None:
    """Change them back."""
    op.drop_index(op.f("ix_pair_uid_pair_attempt_id"), "pair")
    op.create_index(op.f("ix_pair_uid"), "pair", ["uid"])
    op.drop_column("score", "measured_attempt_id")
    op.drop_column("chunk", "recalled")


def _name_earlier_measurers(connection: sa.Connection) -> None:
    """Say of pairs that were decided again, or scored before a crash, which attempt had scored their chunk.

    All others stay NULL, which means their own attempt: a database of many millions of rows is not written anew.
    """
    committed = connection.execute(sa.select(ATTEMPT).where(ATTEMPT.c.chunks.is_not(sa.null()))).all()
    for attempt_id, partition_id, fingerprints in committed:
        ledger = connection.execute(sa.select(CHUNK).where(CHUNK.c.partition_id == partition_id)).all()
        by_fingerprint = {row.fingerprint: row for row in ledger}
        for start, stop, measured_by in _spans([by_fingerprint[each] for each in fingerprints or ()]):
            if measured_by < attempt_id:  # a later one made the file anew, and these numbers are not from there
                here = (SCORE.c.attempt_id == attempt_id, SCORE.c.ordinal >= start, SCORE.c.ordinal < stop)
                connection.execute(sa.update(SCORE).where(*here).values(measured_attempt_id=measured_by))


def _spans(chunks: list[sa.Row[tuple[object, ...]]]) -> Iterator[tuple[int, int, int]]:
    """Give of every chunk the first ordinal, the one behind the last, and the attempt that scored it."""
    start = 0
    for chunk in chunks:
        yield start, start + chunk.rows, chunk.attempt_id
        start += chunk.rows
