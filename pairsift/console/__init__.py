"""How a person is shown things in a terminal: tables, facts and lines; captions are text, never markup."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

WHOLE_CHARACTERS = 28
"""Columns of no longer values are never folded."""

Render = Callable[[Mapping[str, Any]], Sequence[RenderableType]]


def show(value: Mapping[str, Any], as_json: bool, render: Render) -> None:
    """Print `value` as one JSON object, or as `render` draws it."""
    if as_json:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
        return
    console = Console()
    for part in render(value):
        console.print(part, highlight=False, soft_wrap=isinstance(part, Text))  # a line is never broken


def plain(value: object) -> Text:
    """Show a value with control characters escaped, so that a caption cannot move the cursor or pose as markup."""
    return Text("".join(character if character.isprintable() else escape(character) for character in shown(value)))


def shown(value: object) -> str:
    """Write a value for people: nothing as a dash, numbers to six digits, times to the second."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    return value.isoformat(" ", "seconds") if isinstance(value, datetime) else str(value)


def escape(character: str) -> str:
    """Show an unprintable character by its code point."""
    return f"\\u{{{ord(character):x}}}"


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Draw rows under a title: short columns whole, long ones folded, numbers to the right."""
    drawn = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float | None) for row in rows)
        short = all(len(shown(row[index])) <= WHOLE_CHARACTERS for row in rows)
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=short)
    for row in rows:
        drawn.add_row(*(plain(value) for value in row))
    return drawn


def facts(title: str, values: Mapping[str, object]) -> Padding:
    """Draw names and values under a title."""
    drawn = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False)
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in values.items():
        drawn.add_row(plain(name), plain(value))
    return Padding(drawn, (0, 0, 1, 0))


def share(count: int, total: int) -> str:
    """Write a share in per cent."""
    return f"{100 * count / total:.1f} %" if total else "–"


def plain_line(line: str) -> Text:
    """A line that is never wrapped or styled, so that paths can be copied."""
    return Text(plain(line).plain, no_wrap=True, overflow="ignore")


def tell_forgotten(count: int) -> list[RenderableType]:
    """Say how many pairs of a source were left out because they were taken down, if any."""
    return [plain_line(f"Pairs taken down by pairsift forget, and left out: {count}")] if count else []


def size(count: float) -> str:
    """Write a number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


@contextmanager
def counting(what: str, total: int | None, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error while the block runs; it is given what tells the bar how much more is done."""
    with Progress(console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
