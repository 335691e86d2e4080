"""CSV and TSV as spreadsheets and pandas write them; a row that is not sound costs itself, and no row after it.

A quote that is never closed would swallow the rest of the file: a row may span so many lines, and then the line where
it began is given up, and the next one is read on its own.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pairsift.adapters.sources.lines import Line, Record, place_of, read_lines, record_of
from pairsift.errors import SourceError

MAX_ROW_LINES = 100
MAX_ROW_BYTES = 1 << 18

_DELIMITERS = "\t,;"
_OPEN_QUOTE = "unexpected end of data"
"""What the csv module says of it."""
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,15})(\.\d+)?([eE][+-]?\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Header:
    """A table's column names, and what parts them."""

    names: tuple[str, ...]
    delimiter: str


def read_header(uri: str) -> Header:
    """Read the first line of a table, parted by tabs, commas or semicolons: by what gives the most columns.

    SourceError where two columns have one name.
    """
    line = next(read_lines(uri), None)
    if line is None:
        raise SourceError(f"{uri} is empty: its first line should name the columns")
    rows = {delimiter: _parse(line.data or b"", delimiter) for delimiter in _DELIMITERS}
    headers = [Header(tuple(map(str.strip, row)), by) for by, row in rows.items() if not isinstance(row, str)]
    header = max(headers, key=lambda found: len(found.names), default=Header((), ","))
    if len(set(header.names)) < len(header.names) or not header.names:
        raise SourceError(f"{uri}: its first line should name the columns, each once; it names {header.names!r:.300}")
    return header


def read_delimited(uri: str, offset: int = 0, skipped: int = 0) -> Iterator[Record]:
    """Read the rows after the header one by one, or from a row's beginning on, the first ones only as places.

    A line without a quote in it is a row, whatever it says, and need not be looked at to be passed over.
    """
    header = read_header(uri)
    lines = _Lines(read_lines(uri, offset))
    if offset == 0:
        next(lines)
    rows = (line for line in lines if line.data is None or line.data.strip())
    for number, line in enumerate(rows):
        is_place = number < skipped and (line.data is None or b'"' not in line.data)
        yield place_of(line) if is_place else _row(line, header, lines)


def numbers_in(said: object) -> object:
    """Take a word that is written like a number as one: a CSV has nothing but words. `007` stays a word."""
    if not isinstance(said, str) or not _NUMBER.fullmatch(said):
        return said
    return int(said) if said.lstrip("-").isdigit() else float(said)


class _Lines:
    """Lines of which some may be given back, to be read on their own."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._back: deque[Line] = deque()

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        return self._back.popleft() if self._back else next(self._lines)

    def give_back(self, lines: Sequence[Line]) -> None:
        self._back.extendleft(reversed(lines))


def _row(first: Line, header: Header, lines: _Lines) -> Record:
    """Make a row of a line, and of those after it while a quote is open; what did not help is given back."""
    if first.data is None:
        return record_of(first, f"a line of {first.size} bytes")
    data = first.data
    taken: list[Line] = []
    parsed = _parse(data, header.delimiter)
    while parsed == _OPEN_QUOTE and len(taken) < MAX_ROW_LINES and len(data) < MAX_ROW_BYTES:
        line = next(lines, None)
        if line is None:
            break
        taken.append(line)
        if line.data is None:
            break
        data += line.data
        parsed = _parse(data, header.delimiter) if b'"' in line.data else parsed
    if isinstance(parsed, str):
        lines.give_back(taken)
        return record_of(first, f"a row is not sound CSV: {parsed}")
    return record_of(Line(first.offset, len(data), data), _content(parsed, header))


def _content(row: Sequence[str], header: Header) -> Mapping[str, object] | str:
    if len(row) != len(header.names):
        return f"a row has {len(row)} fields, and the header {len(header.names)}"
    return dict(zip(header.names, row, strict=True))


def _parse(data: bytes, delimiter: str) -> list[str] | str:
    """Read one row; a text says what is wrong with it."""
    text = io.StringIO(data.decode(errors="surrogateescape"), newline="")
    try:
        rows = list(csv.reader(text, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return str(error)
    return rows[0] if len(rows) == 1 else "a line break outside quotes"
