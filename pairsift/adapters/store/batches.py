"""Long lists of ids, cut so that a statement stays within the engines' limits on its variables."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Id = TypeVar("Id", int, str)

IDS_AT_ONCE = 500
"""SQLite takes 32,766 variables in a statement, PostgreSQL 65,535."""


def in_batches(ids: Sequence[Id]) -> Iterator[Sequence[Id]]:
    """Cut a list of ids into such as one statement can name."""
    return (ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE))
