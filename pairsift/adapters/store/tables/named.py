"""What is called by a name: target and evaluation sets, fusion heads and adapters."""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Table, Text

from pairsift.adapters.store.tables.schema import UtcDateTime, metadata


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
