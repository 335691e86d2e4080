"""The bulk path of wide rows: the driver's own, SQLite tuples or PostgreSQL binary COPY; streaming, in one place."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from operator import ne
from typing import cast

import psycopg
from psycopg import sql
from sqlalchemy import JSON, BigInteger, Connection, Double, Integer, Table, Text
from sqlalchemy.types import TypeEngine

PLAIN: frozenset[type] = frozenset({str, int, float, bytes, dict, type(None)})
COPY_TYPES: tuple[tuple[type, str], ...] = (
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Double, "float8"),
    (JSON, "json"),
    (Text, "text"),
)


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[tuple[object, ...]]
) -> int:
    """Append `rows`, values in the order of `columns`, within the connection's transaction; return how many.

    Values are plain Python ones: TypeError for a NumPy scalar, which SQLite would store as bytes without a word;
    ValueError for NaN, which it would store as NULL.
    """
    checked = _storable_rows(table, columns, rows)
    driver = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return _insert_sqlite(cast("sqlite3.Connection", driver), table, columns, checked)
    return _copy_postgresql(cast("psycopg.Connection[tuple[object, ...]]", driver), table, columns, checked)


def storable_text(value: str | bytes) -> str:
    r"""Make any text storable on both engines: bytes that are not UTF-8, lone surrogates and NUL become `\x00`-like."""
    decoded = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    if not decoded.isascii():
        decoded = decoded.encode("utf-8", "backslashreplace").decode()
    return decoded.replace("\0", "\\x00") if "\0" in decoded else decoded


def _storable_rows(table: Table, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> Iterator[list[object]]:
    texts = [index for index, name in enumerate(columns) if isinstance(table.c[name].type, Text)]
    for row in rows:
        _refuse_unstorable(table, columns, row)
        values = list(row)
        for index in texts:
            value = values[index]
            if isinstance(value, str | bytes):
                values[index] = storable_text(value)
        yield values


def _refuse_unstorable(table: Table, columns: Sequence[str], row: tuple[object, ...]) -> None:
    strange = set(map(type, row)) - PLAIN
    if strange and not all(issubclass(kind, str) for kind in strange):
        raise TypeError(f"a row for {table.name} holds {strange}, expected plain Python values: {row!r:.300}")
    if any(map(ne, row, row)):  # only NaN differs from itself
        nan = [name for name, value in zip(columns, row, strict=True) if ne(value, value)]
        raise ValueError(f"a row for {table.name} holds NaN in {', '.join(nan)}: {row!r:.300}")


def _insert_sqlite(
    driver: sqlite3.Connection, table: Table, columns: Sequence[str], rows: Iterable[list[object]]
) -> int:
    documents = [index for index, name in enumerate(columns) if isinstance(table.c[name].type, JSON)]
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" for _ in columns)
    statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'
    cursor = driver.executemany(statement, _with_json(rows, documents) if documents else rows)
    return max(cursor.rowcount, 0)


def _with_json(rows: Iterable[list[object]], documents: Sequence[int]) -> Iterator[list[object]]:
    for row in rows:
        for index in documents:
            row[index] = None if row[index] is None else json.dumps(row[index])
        yield row


def _copy_postgresql(
    driver: "psycopg.Connection[tuple[object, ...]]", table: Table, columns: Sequence[str], rows: Iterable[list[object]]
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
