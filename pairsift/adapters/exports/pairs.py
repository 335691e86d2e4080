"""`pairs.parquet`: every pair of a partition with its signals, verdict and reason."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from pairsift.adapters.chunks import SIGNAL_TYPES
from pairsift.adapters.exports.request import ExportBatch, ExportRequest
from pairsift.adapters.exports.rows import write_rows
from pairsift.core.records import SignalValue
from pairsift.core.signals import SIGNALS

CALIBRATED = ("alignment_z", "alignment_p", "alignment_q", "neg_clip_loss", "norm_sim")

SCORES = (
    ("width", pa.int64()),
    ("height", pa.int64()),
    *((signal.column, SIGNAL_TYPES[signal.type]) for signal in SIGNALS),
    *((f"pair_{name}", pa.float64()) for name in CALIBRATED),
)
"""Columns of what is measured of a pair, and their types."""

SCHEMA = pa.schema(
    [
        ("uid", pa.string()),
        ("key", pa.string()),
        ("caption", pa.string()),
        *SCORES,
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("multiplicity", pa.int64()),
    ]
)


def write_pairs(path: Path, request: ExportRequest) -> int:
    """Write one row a pair, kept or not, in the partition's order; return the number of rows."""
    return write_rows(path, SCHEMA, map(_to_table, request.batches()))


def score_columns(pairs: Iterable[tuple[ExportBatch, int]]) -> list[list[SignalValue]]:
    """Give the columns `SCORES` of some pairs, each the nth of its batch."""
    rows = [_scores(batch, n) for batch, n in pairs]
    return [[row[column] for row in rows] for column in range(len(SCORES))]


def _scores(batch: ExportBatch, n: int) -> list[SignalValue]:
    signals, decision = batch.chunk.signals, batch.decisions[n]
    names = ("image.width", "image.height", *(signal.name for signal in SIGNALS))
    return [*(signals[name][n] for name in names), *(getattr(decision, name) for name in CALIBRATED)]


def _to_table(batch: ExportBatch) -> pa.Table:
    columns = [
        [pair.uid for pair in batch.pairs],
        [pair.key for pair in batch.pairs],
        batch.chunk.captions,
        *score_columns((batch, n) for n in range(len(batch.pairs))),
        [str(decision.verdict) for decision in batch.decisions],
        [None if decision.reason is None else str(decision.reason) for decision in batch.decisions],
        [decision.multiplicity for decision in batch.decisions],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.table(arrays, schema=SCHEMA)
