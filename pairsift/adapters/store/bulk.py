"""The bulk path of wide rows, in and out: the driver's own, SQLite tuples or PostgreSQL's binary form; in one place."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import ne
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import JSON, BigInteger, Connection, Double, Integer, Select, Table, Text
from sqlalchemy.types import TypeEngine

BLOCK_ROWS = 1000
Row = tuple[object, ...]

PLAIN: frozenset[type] = frozenset({str, int, float, bytes, dict, type(None)})
COPY_TYPES: tuple[tuple[type, str], ...] = (
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Double, "float8"),
    (JSON, "json"),
    (Text, "text"),
)


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Append `rows`, values in the order of `columns`, within the connection's transaction; return how many.

    Values are as `storable_rows` asks for.
    """
    return insert_storable(connection, table, columns, storable_rows(table, columns, rows))


def insert_storable(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Append rows that `storable_rows` gave; return how many."""
    driver = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return _insert_sqlite(cast("sqlite3.Connection", driver), table, columns, rows)
    return _copy_postgresql(cast("psycopg.Connection[tuple[object, ...]]", driver), table, columns, rows)


def storable_rows(table: Table, columns: Sequence[str], rows: Iterable[Row]) -> Iterator[Row]:
    """Check rows and make their texts storable, a block at a time: column by column is three times faster.

    Values are plain Python ones: TypeError for a NumPy scalar, which SQLite would store as bytes without a word;
    ValueError for NaN, which it would store as NULL.
    """
    remaining = iter(rows)
    while block := list(islice(remaining, BLOCK_ROWS)):
        by_column = list(zip(*block, strict=True))
        for name, values in zip(columns, by_column, strict=True):
            _refuse_unstorable(table, name, values)
        texts = {n: by_column[n] for n, name in enumerate(columns) if isinstance(table.c[name].type, Text)}
        changed = {n: list(map(_storable, values)) for n, values in texts.items() if not _are_plain(values)}
        if changed:
            block = list(zip(*(changed.get(n, values) for n, values in enumerate(by_column)), strict=True))
        yield from block


def fetch_rows(connection: Connection, query: Select[Any]) -> list[tuple[Any, ...]]:
    """Read all rows of a query at once, as the driver gives them: for some thousand rows, and not for times or JSON."""
    options = {"literal_binds": True}
    statement = str(query.compile(dialect=connection.dialect, compile_kwargs=options))
    driver = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return cast("sqlite3.Connection", driver).execute(statement).fetchall()
    with cast("psycopg.Connection[tuple[Any, ...]]", driver).cursor(binary=True) as cursor:
        return cursor.execute(statement.encode()).fetchall()


def storable_text(value: str | bytes) -> str:
    r"""Make any text storable on both engines: bytes that are not UTF-8, lone surrogates and NUL become `\x00`-like."""
    decoded = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    if not decoded.isascii():
        decoded = decoded.encode("utf-8", "backslashreplace").decode()
    return decoded.replace("\0", "\\x00") if "\0" in decoded else decoded


def _refuse_unstorable(table: Table, column: str, values: Sequence[object]) -> None:
    kinds = set(map(type, values))
    strange = {kind for kind in kinds - PLAIN if not issubclass(kind, str)}
    if strange:
        raise TypeError(f"rows for {table.name} hold {strange} in {column}, expected plain Python values")
    if float in kinds and any(map(ne, values, values)):  # only NaN differs from itself
        raise ValueError(f"rows for {table.name} hold NaN in {column}")


def _are_plain(texts: Sequence[object]) -> bool:
    """Say whether all texts are ASCII without NUL, or absent; most columns are."""
    if not set(map(type, texts)) <= {str, type(None)}:
        return False
    joined = "".join(filter(None, cast("Sequence[str | None]", texts)))
    return joined.isascii() and "\0" not in joined


def _storable(value: object) -> object:
    """Make a text storable; as a plain `str`: SQLite's driver takes its time over a subclass such as an enum."""
    return str(storable_text(value)) if isinstance(value, str | bytes) else value


def _insert_sqlite(driver: sqlite3.Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> int:
    documents = [index for index, name in enumerate(columns) if isinstance(table.c[name].type, JSON)]
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" for _ in columns)
    statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608 - names of our own tables, values bound
    cursor = driver.executemany(statement, _with_json(rows, documents) if documents else rows)
    return max(cursor.rowcount, 0)


def _with_json(rows: Iterable[Row], documents: Sequence[int]) -> Iterator[list[object]]:
    for row in rows:
        values = list(row)
        for index in documents:
            values[index] = None if row[index] is None else json.dumps(row[index])
        yield values


def _copy_postgresql(
    driver: "psycopg.Connection[tuple[object, ...]]", table: Table, columns: Sequence[str], rows: Iterable[Row]
) -> int:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with driver.cursor() as cursor:
        with cursor.copy(statement) as copy:
            copy.set_types([_copy_type(table.c[name].type) for name in columns])
            for row in rows:
                copy.write_row(row)
        return cursor.rowcount


def _copy_type(column_type: TypeEngine[object]) -> str:
    return next(name for kind, name in COPY_TYPES if isinstance(column_type, kind))
