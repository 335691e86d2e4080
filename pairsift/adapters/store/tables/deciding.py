"""What is decided by, and what attempts came to under it."""

from sqlalchemy import JSON, Column, ForeignKey, Integer, Table, Text, UniqueConstraint

from pairsift.adapters.store.tables.schema import UtcDateTime, metadata

policy = Table(
    "policy",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("sha256", Text, nullable=False, unique=True),
    Column("text", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # Why, and by whom: of those saved on the review page.
    Column("note", Text),
    Column("made_by", Text),
    UniqueConstraint("name", "version"),
)

decision_set = Table(
    "decision_set",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False),
    Column("policy_id", ForeignKey("policy.id"), nullable=False),
    # A `decision_basis`: the calibration's fingerprint, UNCALIBRATED without one, the target set's, and the digests of
    # what other partitions say; in older versions the rule of partitions' own.
    Column("calibration", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # Named as it was made: SQLite can rename the column, but the constraint only by copying the table.
    UniqueConstraint(
        "dataset_id", "policy_id", "calibration", name="uq_decision_set_dataset_id_policy_id_calibration_rule"
    ),
)

calibration = Table(
    "calibration",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("score_fingerprint", Text, nullable=False),
    Column("summary", JSON, nullable=False),
    # Of the file under calibrations/; the calibrations of older versions were a partition's own and had none.
    Column("sha256", Text),
    Column("created_at", UtcDateTime, nullable=False),
)

# The calibrations that a data set has had under an encoder; the one with the highest number is used.
dataset_calibration = Table(
    "dataset_calibration",
    metadata,
    Column("dataset_id", ForeignKey("dataset.id"), primary_key=True),
    Column("score_fingerprint", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("calibration_fingerprint", ForeignKey("calibration.fingerprint"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# What an attempt's pairs came to under a decision set: under its own when it was committed, later under others. The row
# is there if and only if the decisions are, all of them.
decided_attempt = Table(
    "decided_attempt",
    metadata,
    Column("attempt_id", ForeignKey("attempt.id"), primary_key=True, autoincrement=False),
    Column("decision_set_id", ForeignKey("decision_set.id"), primary_key=True, autoincrement=False),
    Column("n_kept", Integer, nullable=False),
    Column("n_dropped", Integer, nullable=False),
    Column("n_quarantined", Integer, nullable=False),
    # The number, from 1 in every data set, of the last settling that confirmed them; NULL where none has.
    Column("settling", Integer),
    # {share, low, high, tested}: how many of its pairs are mismatched, by estimate; none without a calibration.
    Column("mismatch", JSON(none_as_null=True)),
    Column("created_at", UtcDateTime, nullable=False),
)
