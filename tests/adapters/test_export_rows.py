from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairsift.adapters.chunks import embedding_column
from pairsift.adapters.exports.rows import ROW_GROUP_ROWS, write_rows

ROWS = 2 * ROW_GROUP_ROWS + 5
VECTORS = np.random.default_rng(0).standard_normal((ROWS, 768)).astype(np.float16)
SCHEMA = pa.schema([("vector", pa.list_(pa.float16(), 768))])


def tables(rows: int) -> Iterator[pa.Table]:
    for start in range(0, ROWS, rows):
        yield pa.table([embedding_column(VECTORS[start : start + rows])], schema=SCHEMA)


@pytest.mark.parametrize("rows", [7, 300, ROW_GROUP_ROWS, ROW_GROUP_ROWS + 1])
def test_rows_of_several_pages_have_the_same_bytes_in_any_portion(tmp_path: Path, rows: int):
    written = [write_rows(tmp_path / str(portion), SCHEMA, tables(portion)) for portion in (ROWS, rows)]

    assert written == [ROWS, ROWS]
    assert (tmp_path / str(rows)).read_bytes() == (tmp_path / str(ROWS)).read_bytes()
    assert pq.read_metadata(tmp_path / str(rows)).num_row_groups == 3


def test_memory_does_not_grow_with_the_rows(tmp_path: Path):
    before = pa.total_allocated_bytes()
    held = []

    def watched() -> Iterator[pa.Table]:
        for _ in range(8):
            yield from (table.take(np.arange(len(table))) for table in tables(500))  # a copy in Arrow's memory
            held.append(pa.total_allocated_bytes() - before)

    write_rows(tmp_path / "rows", SCHEMA, watched())

    assert max(held[1:]) <= 2 * max(held[0], VECTORS.nbytes)
