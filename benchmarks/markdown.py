"""Markdown tables on standard output."""

from collections.abc import Sequence

Row = Sequence[str]


def print_table(head: Row, rows: Sequence[Row]) -> None:
    """Print a table and an empty line."""
    print(_line(head), "|---" * len(head) + "|", *map(_line, rows), "", sep="\n")


def _line(cells: Row) -> str:
    return f"| {' | '.join(cells)} |"
