"""The wide tables: pairs, their scores and decisions; and the order of the values in their rows."""

from sqlalchemy import JSON, BigInteger, Column, Double, ForeignKey, Index, Integer, Table, Text
from sqlalchemy.types import TypeEngine

from pairsift.adapters.store.tables.schema import metadata
from pairsift.core.signals import SIGNALS, SignalType


# Rows reach score and decision only by `commit_attempt`, which counts them against each other,
# so pair alone pays for a foreign key; without row ids a partition's rows lie together on SQLite too.
def _owner() -> Column[int]:
    return Column("attempt_id", Integer, primary_key=True, autoincrement=False)


def _ordinal() -> Column[int]:
    return Column("ordinal", Integer, primary_key=True, autoincrement=False)


pair = Table(
    "pair",
    metadata,
    Column("attempt_id", ForeignKey("attempt.id"), primary_key=True, autoincrement=False),
    _ordinal(),
    Column("key", Text, nullable=False, index=True),
    Column("uid", Text, nullable=False),
    Column("source_uid", Text),
    Column("source_uri", Text),
    Column("byte_offset", BigInteger),
    Column("byte_size", BigInteger),
    Column("image_sha256", Text),
    Column("raw_caption", Text),
    Column("caption", Text),
    # {name: number or word} of the source's own columns that were asked for; NULL for none.
    Column("source_columns", JSON(none_as_null=True)),
    sqlite_with_rowid=False,
)

# With the attempt, so that the newest one that knows a uid is found in one step, however many there are.
Index(None, pair.c.uid, pair.c.attempt_id)

SIGNAL_TYPES: dict[SignalType, type[TypeEngine[float]] | type[TypeEngine[int]] | type[TypeEngine[str]]] = {
    "float": Double,
    "int": Integer,
    "str": Text,
}

score = Table(
    "score",
    metadata,
    _owner(),
    _ordinal(),
    *(Column(signal.column, SIGNAL_TYPES[signal.type]) for signal in SIGNALS),
    Column("unmeasurable", JSON, nullable=False),
    Column("extra", JSON, nullable=False),
    # NULL in rows of older versions: their own attempt.
    Column("measured_attempt_id", Integer),
    sqlite_with_rowid=False,
)

decision = Table(
    "decision",
    metadata,
    _owner(),
    Column("decision_set_id", Integer, primary_key=True, autoincrement=False),
    _ordinal(),
    Column("alignment_z", Double),
    Column("alignment_p", Double),
    Column("alignment_q", Double),
    Column("verdict", Text, nullable=False),
    Column("reason", Text),
    Column("rank", Integer),
    Column("multiplicity", Integer),
    # The uid that names the pair's group of copies, and PARTITION/KEY of the pair that is kept in its place.
    Column("duplicate_group", Text),
    Column("duplicate_of", Text),
    Column("neg_clip_loss", Double),
    Column("norm_sim", Double),
    # SET/KEY of the member of an evaluation set that the pair is, and how far it is.
    Column("evaluation_match", Text),
    Column("evaluation_distance", Double),
    # Stored, though it could be counted: a window in the view would read a whole partition to explain one pair.
    Column("export_row", Integer),
    sqlite_with_rowid=False,
)

PAIR_COLUMNS: tuple[str, ...] = tuple(name for name in pair.c.keys() if name != "attempt_id")  # noqa: SIM118 - a collection of columns, not a dict: iterating gives columns
"""Order of the values in a row for `pair`, the attempt's id left out."""

SCORE_COLUMNS: tuple[str, ...] = tuple(name for name in score.c.keys() if name != "attempt_id")  # noqa: SIM118 - see above
"""Order of the values in a row for `score`: ordinal, signals in SIGNALS' order, unmeasurable, extra, who measured."""

DECISION_COLUMNS: tuple[str, ...] = (
    "ordinal",
    "alignment_z",
    "alignment_p",
    "alignment_q",
    "verdict",
    "reason",
    "rank",
    "multiplicity",
    "duplicate_group",
    "duplicate_of",
    "neg_clip_loss",
    "norm_sim",
    "evaluation_match",
    "evaluation_distance",
)
"""Order of the values in a row for `decision`; the store adds the ids and numbers the kept rows."""
