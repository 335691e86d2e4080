"""The folder that clip-retrieval writes: embeddings of pictures and captions, and the table that says whose they are.

Row i of all three is one pair. A pair that lacks an embedding is in none of them: an index of neighbours takes no NaN.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.lib import format as npy
from numpy.typing import NDArray

from pairsift.adapters.exports.pairs import SCORES
from pairsift.adapters.exports.request import ExportBatch, ExportRequest
from pairsift.adapters.exports.rows import ROW_GROUP_ROWS, write_rows
from pairsift.adapters.exports.samples import Sample, sample_table, samples

SCHEMA = pa.schema(
    [
        ("image_path", pa.string()),
        ("caption", pa.string()),
        ("uid", pa.string()),
        ("key", pa.string()),
        *SCORES,
        ("multiplicity", pa.int64()),
    ]
)


def write_metadata(path: Path, request: ExportRequest) -> int:
    """Write one row a kept pair with embeddings, in the partition's order; return the number of rows.

    `image_path` is the name that the pair has in the other exports, and no path of this machine.
    """
    embedded = (sample for sample in samples(request) if _is_embedded(sample.batch, [sample.n])[0])
    return write_rows(path, SCHEMA, _tables(embedded))


def write_image_embeddings(path: Path, request: ExportRequest) -> int:
    """Write the pictures' embeddings; return the number of rows."""
    return _write_array(path, (batch.chunk.image_embedding[_embedded(batch)] for batch in request.batches()))


def write_text_embeddings(path: Path, request: ExportRequest) -> int:
    """Write the captions' embeddings; return the number of rows."""
    return _write_array(path, (batch.chunk.text_embedding[_embedded(batch)] for batch in request.batches()))


def _embedded(batch: ExportBatch) -> list[int]:
    kept = list(batch.kept())
    return [n for n, is_embedded in zip(kept, _is_embedded(batch, kept), strict=True) if is_embedded]


def _is_embedded(batch: ExportBatch, rows: Sequence[int]) -> list[bool]:
    both = np.hstack([batch.chunk.image_embedding[rows], batch.chunk.text_embedding[rows]])
    whole: list[bool] = np.logical_and.reduce(np.isfinite(both), axis=1).tolist()
    return whole


def _write_array(path: Path, arrays: Iterable[NDArray[np.float16]]) -> int:
    """Write arrays as one of (n, d) float16; n is known at the end, and numpy's header has the same size for any."""
    shape = (0, 0)
    with path.open("wb") as file:
        _write_header(file, shape)
        for array in arrays:
            array.astype("<f2", copy=False).tofile(file)
            shape = (shape[0] + len(array), array.shape[1])
        file.seek(0)
        _write_header(file, shape)
    return shape[0]


def _write_header(file: BinaryIO, shape: tuple[int, int]) -> None:
    npy.write_array_header_1_0(file, {"descr": "<f2", "fortran_order": False, "shape": shape})


def _tables(kept: Iterator[Sample]) -> Iterator[pa.Table]:
    while group := list(islice(kept, ROW_GROUP_ROWS)):
        yield sample_table(SCHEMA, [sample.name for sample in group], group)
