"""What people say of pairs, release and take down."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from pairsift.adapters.store.tables.schema import UtcDateTime, metadata

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
