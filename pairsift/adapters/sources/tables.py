"""The rows of a table that names images by path: CSV, TSV, JSON lines or Parquet, each with its place."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pairsift.adapters.sources.checkpoints import checkpoints
from pairsift.adapters.sources.delimited import read_delimited, read_header
from pairsift.adapters.sources.json_lines import keys_of, read_json_lines
from pairsift.adapters.sources.lines import Record
from pairsift.adapters.sources.parquet import is_parquet
from pairsift.adapters.sources.parquet_cells import as_values, cell_location, columns_of, read_rows
from pairsift.core.records import Damage, Location
from pairsift.core.source_columns import Kind

_DELIMITED = (".csv", ".tsv")
_JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: what it says by column, where it says it, and a digest of all of it."""

    number: int
    fields: Mapping[str, object]
    location: Location
    digest: bytes


@dataclass(frozen=True, slots=True)
class DamagedRow:
    """Rows that cannot be read: `damage` says why, and how many."""

    number: int
    damage: Damage


def is_delimited(name: str) -> bool:
    """Say whether a file name ends like that of a table in which everything is text."""
    return name.lower().endswith(_DELIMITED)


def is_table(name: str) -> bool:
    """Say whether a file name ends like a table's."""
    return name.lower().endswith(_JSON_LINES) or is_delimited(name) or is_parquet(name)


def columns_seen(uri: str) -> Mapping[str, Kind]:
    """Tell the columns of a table, in their order, and what they may hold."""
    if is_parquet(uri):
        return columns_of(uri)
    names = read_header(uri).names if is_delimited(uri) else keys_of(uri)
    return dict.fromkeys(names, Kind.UNKNOWN)


def read_table(
    uri: str, version: str, columns: list[str], start: int = 0, stop: int | None = None
) -> Iterator[Row | DamagedRow]:
    """Read the rows from `start` to `stop`, counted from 0, some columns of them where that saves reading.

    `version` stands for the content of rows that have no bytes of their own.
    """
    if is_parquet(uri):
        yield from _parquet_rows(uri, version, columns, start, stop)
        return
    known = checkpoints(uri, version)
    number, offset = known.before(start)
    read = read_delimited if is_delimited(uri) else read_json_lines
    for number, record in enumerate(read(uri, offset, start - number), number):  # noqa: B020 - it goes on counting
        if stop is not None and number >= stop:
            return
        known.note(number, record.offset)
        if number >= start:
            yield _row(uri, number, record)


def _row(uri: str, number: int, record: Record) -> Row | DamagedRow:
    if isinstance(record.content, str):
        return DamagedRow(number, Damage(record.content, record.offset))
    return Row(number, record.content, Location(uri, record.offset, record.size), record.digest)


def _parquet_rows(
    uri: str, version: str, columns: list[str], start: int, stop: int | None
) -> Iterator[Row | DamagedRow]:
    number = start
    for rows in read_rows(uri, columns, start, stop):
        if isinstance(rows, Damage):
            yield DamagedRow(number, rows)
            number += rows.lost_pairs
            continue
        values = {name: as_values(column) for name, column in rows.columns.items()}
        for n in range(len(rows)):
            number = rows.number + n
            digest = hashlib.sha256(f"{version} {number}".encode()).digest()
            yield Row(
                number,
                {name: cells[n] for name, cells in values.items()},
                cell_location(uri, rows, n, columns[0], 0),
                digest,
            )
        number += 1
