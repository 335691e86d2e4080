"""The tables. Core tables, not mapped classes: nothing is loaded as an object, and wide rows go by the driver."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from pairsift.core.signals import SIGNALS, SignalType

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC on both engines; SQLite alone would give naive times back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; SQLite stores UTC without its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value.isoformat()}: an aware one is expected")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Give the time back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


dataset = Table(
    "dataset",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    # No foreign key: decision_set refers to dataset, and SQLite cannot add the second of two circular keys.
    Column("active_decision_set_id", Integer),
    Column("created_at", UtcDateTime, nullable=False),
)

partition = Table(
    "partition",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("members", JSON, nullable=False),
    Column("input_fingerprint", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("lease_until", UtcDateTime),
    # No foreign key, for the same reason as active_decision_set_id.
    Column("committed_attempt_id", Integer),
    # Under which the committed attempt's verdicts are shown: its own, until another one is made active that has them.
    Column("shown_decision_set_id", Integer),
    Column("error", Text),
    UniqueConstraint("dataset_id", "key"),
)

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


def _named_set(name: str) -> Table:
    """Make a table of sets by the names that policies call them, as pairs scored so see them; the newest row counts."""
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", Text, nullable=False),
        Column("score_fingerprint", Text, nullable=False),
        # Of the file under targets/ or evaluation-sets/.
        Column("fingerprint", Text, nullable=False),
        Column("rows", BigInteger, nullable=False),
        Column("source", Text, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Index(None, "name", "score_fingerprint"),
    )


target_set = _named_set("target_set")
evaluation_set = _named_set("evaluation_set")

run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False),
    Column("request", JSON, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("partition_id", ForeignKey("partition.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("boot_id", Text),
    Column("pid_namespace", Text),
    Column("process_start", BigInteger),
    # No foreign key: the runs of older versions have no row.
    Column("run_id", Text, index=True),
    Column("flow_run_id", Text, index=True),
    Column("config_hash", Text, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("input_fingerprint", Text, nullable=False),
    Column("score_fingerprint", Text, nullable=False),
    Column("decision_fingerprint", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("dtype", Text, nullable=False),
    Column("decision_set_id", ForeignKey("decision_set.id")),
    Column("calibration_fingerprint", ForeignKey("calibration.fingerprint")),
    Column("chunks", JSON),
    Column("n_read", Integer),
    Column("n_kept", Integer),
    Column("n_dropped", Integer),
    Column("n_quarantined", Integer),
    Column("damage", JSON),
    Column("error", Text),
    UniqueConstraint("partition_id", "number"),
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

chunk = Table(
    "chunk",
    metadata,
    Column("partition_id", ForeignKey("partition.id"), primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("uri", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("attempt_id", ForeignKey("attempt.id"), nullable=False),
    # {attempt that measured them: places in the chunk} of the pairs taken from other chunks; older rows have none.
    Column("recalled", JSON),
    Column("created_at", UtcDateTime, nullable=False),
)


# The wide tables. Their rows reach score and decision only by `commit_attempt`, which counts them against each other,
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

export = Table(
    "export",
    metadata,
    Column("attempt_id", ForeignKey("attempt.id"), primary_key=True),
    Column("decision_set_id", ForeignKey("decision_set.id"), primary_key=True),
    Column("out_uri", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("uri", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("export_fingerprint", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

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

model = Table(
    "model",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("facts", JSON(none_as_null=True)),
)

attempt_model = Table(
    "attempt_model",
    metadata,
    Column("attempt_id", ForeignKey("attempt.id"), primary_key=True),
    Column("model_id", ForeignKey("model.id"), primary_key=True),
)


# What people say of pairs, by their content: appended, never changed; of one pair the newest row counts.
label = Table(
    "label",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False),
    Column("uid", Text, nullable=False),
    Column("good", Boolean, nullable=False),
    # Whether the pair was drawn for its labeller, not chosen: only such labels measure precision.
    Column("drawn", Boolean, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "dataset_id", "uid"),
)


def _trained(name: str) -> Table:
    """Make the table of what is trained for an encoder; `space` is the encoder's, `data` says what it learnt from."""
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", Text, nullable=False, unique=True),
        Column("space", Text, nullable=False, index=True),
        Column("encoder", Text, nullable=False),
        Column("shape", JSON, nullable=False),
        Column("data", JSON, nullable=False),
        Column("metrics", JSON, nullable=False),
        # Below the storage.
        Column("uri", Text, nullable=False),
        Column("sha256", Text, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
    )


fusion_head = _trained("fusion_head")
adapter = _trained("adapter")

# Snapshots that are never changed: the manifest's text is what its file holds.
release = Table(
    "release",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("dataset_id", ForeignKey("dataset.id"), nullable=False),
    # Of the manifest's content: neither its name nor its time.
    Column("sha256", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# The verdicts that a release is made of; `pairsift prune` leaves them, and the attempt's rows, where they are.
release_partition = Table(
    "release_partition",
    metadata,
    Column("release_id", ForeignKey("release.id"), primary_key=True, autoincrement=False),
    Column("partition_id", ForeignKey("partition.id"), primary_key=True, autoincrement=False),
    Column("attempt_id", ForeignKey("attempt.id"), nullable=False),
    Column("decision_set_id", ForeignKey("decision_set.id"), nullable=False),
)

release_file = Table(
    "release_file",
    metadata,
    Column("release_id", ForeignKey("release.id"), primary_key=True, autoincrement=False),
    Column("uri", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    # Where pairs were withdrawn since: what stands in the file's place, NULL where nothing does, and its sha256.
    Column("withdrawn_at", UtcDateTime),
    Column("replaced_by", Text),
    Column("replaced_sha256", Text),
)

# Digests of what was taken down (core/forgetting.py), which ingest goes by; nothing else of it is kept.
tombstone = Table(
    "tombstone",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# Takedowns under way: what is looked for, and the files that are to go. A row is gone when its takedown is complete.
takedown = Table(
    "takedown",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", JSON, nullable=False),
    Column("doomed", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

Index(None, partition.c.committed_attempt_id)
# With the attempt, so that the newest one that knows a uid is found in one step, however many there are.
Index(None, pair.c.uid, pair.c.attempt_id)

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
