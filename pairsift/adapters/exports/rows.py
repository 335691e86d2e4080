"""Write Parquet rows in row groups of one size, so that a file's bytes do not depend on the chunks they came in."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from pairsift.adapters.chunks import parquet_writer

ROW_GROUP_ROWS = 1_000


def write_rows(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """Write the tables' rows, in order, and return how many; at most one row group and one table are in memory."""
    rows = 0
    with parquet_writer(path, schema) as writer:
        for group in _row_groups(schema, tables):
            writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
            rows += len(group)
    return rows


def _row_groups(schema: pa.Schema, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    waiting = schema.empty_table()
    for table in tables:
        waiting = pa.concat_tables([waiting, table])
        while len(waiting) >= ROW_GROUP_ROWS:
            yield waiting.slice(0, ROW_GROUP_ROWS).combine_chunks()
            waiting = waiting.slice(ROW_GROUP_ROWS)
    if len(waiting):
        yield waiting.combine_chunks()
