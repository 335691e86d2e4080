"""Who curated what: data sets, partitions, runs, attempts, chunks, exports and models."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from pairsift.adapters.store.tables.schema import UtcDateTime, metadata

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

Index(None, partition.c.committed_attempt_id)

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
