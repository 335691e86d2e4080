"""Parquet files row group by row group, in flat memory, page checksums verified; and single cells of them."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairsift.adapters.sources.cursors import Cursors
from pairsift.adapters.sources.files import CELL_MARK, WatchedStream, look_at
from pairsift.core.records import Damage, Location
from pairsift.core.source_columns import Kind
from pairsift.errors import ContainerDamagedError, SourceError

BATCH_ROWS = 32
"""Rows in memory at once, beside the pages that they lie in."""

_BUFFER_BYTES = 1 << 20
"""Without a buffer of its own a column of a whole row group is held: 447 MB for 300 MB of pictures, with one 158 MB."""

MOST_ROWS_PER_BYTE = 1_000
"""A footer that claims more is not believed: lost rows are counted, and slices made of them."""

_DAMAGED = (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError)
_CELL = re.compile(r"(.*)#row_group=(\d+)&row=(\d+)&column=([^#&]*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some consecutive rows of a row group: `columns` by name, in which the first has the number `row` of its group.

    `number` counts from the file's first row.
    """

    group: int
    row: int
    number: int
    columns: Mapping[str, pa.Array]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


@dataclass(frozen=True, slots=True)
class OpenParquet:
    """An open Parquet file, and the stream that it is read from."""

    file: pq.ParquetFile
    stream: WatchedStream


@contextmanager
def open_parquet(uri: str) -> Iterator[OpenParquet]:
    """Open a Parquet file; ContainerDamagedError where its footer cannot be read."""
    with WatchedStream(uri) as stream:
        try:
            file = pq.ParquetFile(stream, page_checksum_verification=True, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        except _DAMAGED as error:
            if stream.error is not None:
                raise stream.error from error
            raise ContainerDamagedError(f"{uri}: no row is readable: {_brief(error)}") from error
        rows, size = file.metadata.num_rows, stream.seek(0, io.SEEK_END)
        if rows > MOST_ROWS_PER_BYTE * size:
            raise ContainerDamagedError(f"{uri}: no row is readable: it claims {rows} rows in {size} bytes")
        yield OpenParquet(file, stream)


def columns_of(uri: str) -> dict[str, Kind]:
    """Tell the names and kinds of a Parquet file's columns."""
    with open_parquet(uri) as opened:
        fields = list(opened.file.schema_arrow)
    seen = {field.name: _kind(field.type) for field in fields}
    if len(seen) < len(fields):
        raise SourceError(f"{uri} has several columns of one name: {', '.join(field.name for field in fields)}")
    return seen


def _kind(kind: pa.DataType) -> Kind:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if is_image_struct(kind) or _is_binary(kind):
        return Kind.BYTES
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return Kind.TEXT if is_text or pa.types.is_null(kind) else Kind.OTHER


def _is_binary(kind: pa.DataType) -> bool:
    return any(
        holds(kind)
        for holds in (
            pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary,
        )
    )  # fmt: skip


def is_image_struct(kind: pa.DataType) -> bool:
    """Say whether a column is an image as Hugging Face's datasets write it: {bytes, path}."""
    return bool(pa.types.is_struct(kind)) and kind.get_field_index("bytes") >= 0


def read_rows(uri: str, columns: Sequence[str], start: int = 0, stop: int | None = None) -> Iterator[Rows | Damage]:
    """Read some columns of the rows from `start` to `stop`; where a row group is damaged, the rest of it is lost."""
    with open_parquet(uri) as opened:
        number = 0
        for group in range(opened.file.metadata.num_row_groups):
            count = opened.file.metadata.row_group(group).num_rows
            last = count if stop is None else min(count, stop - number)
            first = max(start - number, 0)
            if first < last:
                yield from _read_group(opened, columns, _Part(group, number, first, last))
            number += count


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows `first` to `last` of a row group, of which the first row is the file's `number`th."""

    group: int
    number: int
    first: int
    last: int


def _read_group(opened: OpenParquet, columns: Sequence[str], part: _Part) -> Iterator[Rows | Damage]:
    done = 0
    fault = "it ends early"
    try:
        for batch in _batches(opened.file, columns, part.group):
            skipped = min(max(part.first - done, 0), len(batch))
            here = batch.slice(skipped, max(part.last - done - skipped, 0))
            if len(here):
                cells = dict(zip(columns, here.columns, strict=True))
                yield Rows(part.group, done + skipped, part.number + done + skipped, cells)
            done += len(batch)
            if done >= part.last:
                return
    except _DAMAGED as error:
        if opened.stream.error is not None:
            raise opened.stream.error from error
        fault = _brief(error)
    lost = part.last - max(done, part.first)
    offset = opened.file.metadata.row_group(part.group).column(0).data_page_offset
    yield Damage(f"row group {part.group} is damaged: {fault}", offset, lost)


def _batches(file: pq.ParquetFile, columns: Sequence[str], group: int) -> Iterator[pa.RecordBatch]:
    for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=list(columns), use_threads=False):
        yield batch.select(list(columns))


def as_bytes(column: pa.Array) -> list[bytes | None]:
    """Take a column of bytes, text or image structs as bytes: text may hold what is no UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if is_image_struct(column.type):
        column = pc.struct_field(column, "bytes")
    values: list[bytes | None] = column.cast(pa.large_binary()).to_pylist()
    return values


def as_values(column: pa.Array) -> list[object]:
    """Take a column as numbers and words; None where it holds something else."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _kind(column.type) is Kind.TEXT:
        return [None if text is None else text.decode(errors="surrogateescape") for text in as_bytes(column)]
    if pa.types.is_floating(column.type):
        column = column.cast(pa.float64())
    is_plain = pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
    values: list[object] = column.to_pylist() if is_plain else [None] * len(column)
    return values


def paths_of(column: pa.Array) -> list[object]:
    """Take the paths beside the bytes of image structs; None where there are none."""
    has_paths = is_image_struct(column.type) and column.type.get_field_index("path") >= 0
    return as_values(pc.struct_field(column, "path")) if has_paths else [None] * len(column)


def cell_location(uri: str, rows: Rows, n: int, column: str, size: int) -> Location:
    """Name the place of one cell."""
    place = f"{CELL_MARK}{rows.group}&row={rows.row + n}&column={quote(column, safe='')}"
    return Location(uri + place, 0, size)


class _Cells:
    """One column of one row group, read forward."""

    def __init__(self, uri: str, group: int, column: str) -> None:
        self._open = ExitStack()
        file = self._open.enter_context(open_parquet(uri)).file
        self._batches = _batches(file, [column], group)
        self._first = 0
        self._cells: list[bytes | None] = []

    def reads(self, place: int) -> bool:
        return place >= self._first

    def read_at(self, place: int, size: int) -> bytes:  # noqa: ARG002 - a cell is read whole
        while place >= self._first + len(self._cells):
            batch = next(self._batches, None)
            if batch is None:
                return b""
            self._first += len(self._cells)
            self._cells = as_bytes(batch.column(0))
        return self._cells[place - self._first] or b""

    def close(self) -> None:
        self._open.close()


_OPEN: Cursors[_Cells] = Cursors()


def read_cell(location: Location) -> bytes:
    """Read a cell that `cell_location` names; in the order of the rows each page is read once."""
    parts = _CELL.fullmatch(location.uri)
    file = look_at(parts[1]) if parts else None
    if parts is None or file is None:
        raise FileNotFoundError(location.uri)
    uri, group, row, column = parts[1], int(parts[2]), int(parts[3]), unquote(parts[4])
    key = (uri, file.size, file.version, group, column)
    return _OPEN.read(key, lambda: _Cells(uri, group, column), row, location.size)


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
