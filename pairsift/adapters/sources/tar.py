"""List a tar's members with the exact place of their bytes, and say where it is damaged.

Python's tarfile reads the headers (USTAR, GNU long names, pax). What it passes over in silence is checked here: it ends
without an error at a cut header, a cut between members, a bad checksum and a zero block in the middle.
"""

import io
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Self, cast

from pairsift.adapters.sources.files import read_held
from pairsift.core.records import Damage

END_BLOCKS_BYTES = 2 * tarfile.BLOCKSIZE
_COMPRESSION = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}

# Beside its own errors, tarfile lets these out for sizes, lengths and chains of headers made of random bytes.
_BAD_HEADER = (tarfile.TarError, ValueError, OverflowError, MemoryError, RecursionError)

_EXTENSIONS = frozenset({b"L", b"K", b"x", b"g", b"X"})
_MAX_EXTENSION_BYTES = 1 << 20
_RECORD = re.compile(rb"(\d{1,7}) ([^=]+)=")


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file in a tar: `size` bytes from `offset`; its `data` if wanted, or the `sha256` of too much of it."""

    name: str
    offset: int
    size: int
    data: bytes | None
    sha256: str | None = None


class _Header(tarfile.TarInfo):
    """A TarInfo that refuses what tarfile takes: sizes below zero, endless extensions, pax records that are none."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise tarfile.ReadError("negative size")
        if header.type in _EXTENSIONS and header.size > _MAX_EXTENSION_BYTES:
            raise tarfile.ReadError(f"{header.size} bytes of names or records, which would be read into memory")
        return header

    def _proc_pax(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        stream = cast("BinaryIO", tar.fileobj)
        start = stream.tell()
        _check_records(stream.read(self.size))
        stream.seek(start)
        header: tarfile.TarInfo = super()._proc_pax(tar)  # type: ignore[misc] # its one hook for records
        return header


def _check_records(records: bytes) -> None:
    """Refuse records of wrong lengths, which tarfile passes over, or not, by its version, and sizes that are none."""
    place, whole = 0, len(records.rstrip(b"\0"))
    while place < whole:
        record = _RECORD.match(records, place)
        end = place + int(record[1]) if record is not None else 0
        if record is None or end < record.end() or records[end - 1 : end] != b"\n":
            raise tarfile.ReadError("a pax record of a wrong length")
        value = records[record.end() : end - 1]
        if record[2] == b"size" and not value.isdigit():  # tarfile takes 0
            raise tarfile.ReadError(f"a size of {value.decode(errors='replace')[:20]!r} in a pax record")
        place = end


class _Headers(tarfile.TarFile):
    """A TarFile that does not look for a first member by itself."""

    def next(self) -> tarfile.TarInfo | None:
        return None


def read_members(stream: BinaryIO, is_wanted: Callable[[str], bool]) -> Iterator[Member | Damage]:
    """Read a tar once from front to back; the first damage is the last thing yielded.

    A damage that loses no pair (an end mark cut short) has `lost_pairs` 0; else it is 1, the least there can be.
    """
    total = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    tar = _Headers(fileobj=stream, mode="r", tarinfo=_Header, encoding="utf-8")
    while True:
        start = tar.offset
        if (end := _end_at(stream, start, total)) is not None:
            yield from end
            return
        try:
            header = _next_header(tar, stream)
        except _BAD_HEADER as error:
            yield Damage(_explain_header(stream, start, error), start)
            return
        if header.isreg() and header.offset_data + header.size > total:
            there = max(total - header.offset_data, 0)
            yield Damage(f"{header.name!r} is cut: {there} of {header.size} bytes", start)
            return
        if header.isreg() and not header.issparse():
            stream.seek(header.offset_data)
            data, sha256 = read_held(stream, header.size) if is_wanted(header.name) else (None, None)
            yield Member(header.name, header.offset_data, header.size, data, sha256)


def _next_header(tar: tarfile.TarFile, stream: BinaryIO) -> tarfile.TarInfo:
    start = tar.offset
    stream.seek(start)
    header = tar.tarinfo.fromtarfile(tar)
    if header.size < 0 or tar.offset <= start:
        raise tarfile.ReadError("negative size in a pax record")
    return header


def _end_at(stream: BinaryIO, start: int, total: int) -> list[Damage] | None:
    """Say how the tar ends if it ends at `start`: with no damage, or with one; None where a header follows."""
    if start >= total:
        return [Damage("the shard ends without end blocks: it was cut", start)]
    stream.seek(start)
    if stream.read(tarfile.BLOCKSIZE).strip(b"\0"):
        return None
    while block := stream.read(1 << 20):
        if block.strip(b"\0"):
            return [Damage("a block of zeros, and then data", start)]
    if total - start < END_BLOCKS_BYTES:
        return [Damage("the end blocks are cut short; nothing else is missing", start, lost_pairs=0)]
    return []


def _explain_header(stream: BinaryIO, start: int, error: Exception) -> str:
    stream.seek(0)
    magic = stream.read(6)
    for prefix, name in _COMPRESSION.items():
        if start == 0 and magic.startswith(prefix):
            return f"this is {name}-compressed, where pairs have no byte offsets: decompress it first"
    return f"unreadable header: {error or type(error).__name__}"
