"""`embeddings.parquet`: image, text and fused embeddings of the kept pairs."""

import json
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from pairsift.adapters.chunks import EMBEDDINGS, ChunkData, embedding_column
from pairsift.adapters.exports.request import ExportBatch, ExportRequest
from pairsift.adapters.exports.rows import write_rows

MODELS_KEY = "pairsift.models"
"""Key of the file's metadata that holds the models' fingerprints, as JSON."""


def write_embeddings(path: Path, request: ExportRequest) -> int:
    """Write one row a kept pair, in the partition's order; return the number of rows.

    The embeddings are fixed-size lists of float16 (of size 0 where the partition has no pairs at all); a row of NaN
    says that the pair has none.
    """
    batches = iter(request.batches())
    first = list(islice(batches, 1))
    schema = _schema(first[0].chunk if first else None, request)
    return write_rows(path, schema, (_to_table(batch, schema) for batch in chain(first, batches)))


def _schema(chunk: ChunkData | None, request: ExportRequest) -> pa.Schema:
    sizes = [0 if chunk is None else getattr(chunk, name).shape[1] for name in EMBEDDINGS]
    vectors = [(name, pa.list_(pa.float16(), size)) for name, size in zip(EMBEDDINGS, sizes, strict=True)]
    models = json.dumps(dict(request.models), sort_keys=True)
    return pa.schema([("uid", pa.string()), ("key", pa.string()), *vectors], metadata={MODELS_KEY: models})


def _to_table(batch: ExportBatch, schema: pa.Schema) -> pa.Table:
    kept = np.fromiter(batch.kept(), np.intp)
    arrays = [
        pa.array([batch.pairs[n].uid for n in kept], pa.string()),
        pa.array([batch.pairs[n].key for n in kept], pa.string()),
        *(embedding_column(getattr(batch.chunk, name)[kept]) for name in EMBEDDINGS),
    ]
    return pa.table(arrays, schema=schema)
