"""The lines of a text file with their places, however long they are, and the records made of them."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pairsift.adapters.sources.files import open_stream
from pairsift.errors import SourceChangedError, SourceError

MAX_LINE_BYTES = 8 << 20
"""Longer lines are passed over: a file without a line break would be held whole."""

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Line:
    """One line and its line break; `data` is None where it is too long."""

    offset: int
    size: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Record:
    """One row: what it says by column, or, as a text, why it cannot be read."""

    offset: int
    size: int
    content: Mapping[str, object] | str
    digest: bytes


def record_of(line: Line, content: Mapping[str, object] | str) -> Record:
    """Make a record of the bytes of a line."""
    return Record(line.offset, line.size, content, hashlib.sha256(line.data or b"").digest())


def place_of(line: Line) -> Record:
    """Make a record of a line that is passed over: where it lies, and nothing of what it says."""
    return Record(line.offset, line.size, "passed over", b"")


def read_lines(uri: str, offset: int = 0) -> Iterator[Line]:
    """Read the lines of a file from a line's beginning on, line breaks included, a byte order mark left out.

    SourceChangedError where the file is gone, SourceError where it is UTF-16.
    """
    try:
        stream = open_stream(uri)
    except FileNotFoundError as error:
        raise SourceChangedError(f"{uri} is gone since the source was listed: run again") from error
    with stream:
        stream.seek(offset)
        while line := stream.readline(MAX_LINE_BYTES):
            if offset == 0:
                if line.startswith(_UTF16_MARKS):
                    raise SourceError(f"{uri} is UTF-16: save it as UTF-8")
                offset = len(_UTF8_MARK) if line.startswith(_UTF8_MARK) else 0
                line = line[offset:]
            size = len(line)
            is_whole = line.endswith(b"\n") or size < MAX_LINE_BYTES
            while not is_whole and (rest := stream.readline(MAX_LINE_BYTES)):
                size += len(rest)
                is_whole = rest.endswith(b"\n")
            yield Line(offset, size, line if size == len(line) else None)
            offset += size
