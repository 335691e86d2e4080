"""`pairs.parquet`: every pair of a partition with its signals, verdict and reason."""

from pathlib import Path

import pyarrow as pa

from pairsift.adapters.chunks import SIGNAL_TYPES
from pairsift.adapters.exports.request import ExportBatch, ExportRequest
from pairsift.adapters.exports.rows import write_rows
from pairsift.core.signals import SIGNALS

CALIBRATED = ("alignment_z", "alignment_p", "alignment_q", "neg_clip_loss", "norm_sim")

SCHEMA = pa.schema(
    [
        ("uid", pa.string()),
        ("key", pa.string()),
        ("caption", pa.string()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        *((signal.column, SIGNAL_TYPES[signal.type]) for signal in SIGNALS),
        *((f"pair_{name}", pa.float64()) for name in CALIBRATED),
        ("verdict", pa.string()),
        ("reason", pa.string()),
    ]
)


def write_pairs(path: Path, request: ExportRequest) -> int:
    """Write one row a pair, kept or not, in the partition's order; return the number of rows."""
    return write_rows(path, SCHEMA, map(_to_table, request.batches()))


def _to_table(batch: ExportBatch) -> pa.Table:
    signals = batch.chunk.signals
    columns = [
        [pair.uid for pair in batch.pairs],
        [pair.key for pair in batch.pairs],
        batch.chunk.captions,
        signals["image.width"],
        signals["image.height"],
        *(signals[signal.name] for signal in SIGNALS),
        *([getattr(decision, name) for decision in batch.decisions] for name in CALIBRATED),
        [str(decision.verdict) for decision in batch.decisions],
        [None if decision.reason is None else str(decision.reason) for decision in batch.decisions],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.table(arrays, schema=SCHEMA)
