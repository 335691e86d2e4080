"""What drift is told by: statistics of attempts, reference windows, and the comparisons made."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Integer, Table, Text, UniqueConstraint

from pairsift.adapters.store.tables.schema import UtcDateTime, metadata

# What drift is told by: `tested` pairs have a p-value, `above_half` of them one above one half; `signals` are sketches.
statistics = Table(
    "statistics",
    metadata,
    Column("attempt_id", ForeignKey("attempt.id"), primary_key=True, autoincrement=False),
    Column("tested", Integer, nullable=False),
    Column("above_half", Integer, nullable=False),
    Column("signals", JSON, nullable=False),
)

reference_window = Table(
    "reference_window",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False),
    Column("score_fingerprint", Text, nullable=False),
    # From 1; the newest counts.
    Column("number", Integer, nullable=False),
    # NULL where its partitions were decided under several: there is no keep rate to compare with then.
    Column("decision_set_id", ForeignKey("decision_set.id")),
    Column("partitions", JSON, nullable=False),
    Column("pairs", BigInteger, nullable=False),
    Column("kept", BigInteger),
    Column("tested", BigInteger, nullable=False),
    Column("above_half", BigInteger, nullable=False),
    Column("signals", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("dataset_id", "score_fingerprint", "number"),
)

drift = Table(
    "drift",
    metadata,
    Column("attempt_id", ForeignKey("attempt.id"), primary_key=True, autoincrement=False),
    Column("window_id", ForeignKey("reference_window.id"), primary_key=True, autoincrement=False),
    Column("level", Text, nullable=False),
    Column("result", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
