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
_PLAIN = re.compile(
    rb"(?:[0-7]{7}\0|[0-7]{6} \0){3}([0-7]{11})[ \0][0-7]{11}[ \0]([0-7]{6})(?:\0 | \0)[0\0]"  # mode to type
    rb".{172}(?:\0{8}|[0-7]{7}\0){2}\0",  # device, and no prefix
    re.DOTALL,
)
"""A regular file's header but its name, as nearly all tars have it; tarfile takes much more."""
_NAME_BYTES, _CHECKSUM = 100, slice(148, 156)
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
        block = _block_at(stream, start, total)
        if not block.strip(b"\0"):
            yield from _end_at(stream, start, total)
            return
        try:
            header = _plain_header(tar, block) or _next_header(tar, stream)
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


def _block_at(stream: BinaryIO, start: int, total: int) -> bytes:
    """Read a block; nothing behind the end, which headers can put beyond all integers."""
    if start >= total:
        return b""
    stream.seek(start)
    return stream.read(tarfile.BLOCKSIZE)


def _plain_header(tar: tarfile.TarFile, block: bytes) -> tarfile.TarInfo | None:
    """Read what nearly every header is, a regular file's under a short name, as tarfile does at a fifth of its cost.

    None for whatever else may be a header.
    """
    numbers = _PLAIN.match(block, _NAME_BYTES)
    name = block[:_NAME_BYTES].partition(b"\0")[0]
    is_plain = len(block) == tarfile.BLOCKSIZE and name and not name.endswith(b"/") and not tar.pax_headers
    if numbers is None or not is_plain or int(numbers[2], 8) != _checksum(block):
        return None
    header = tar.tarinfo(name.decode("utf-8", "surrogateescape"))
    header.size, header.offset_data = int(numbers[1], 8), tar.offset + tarfile.BLOCKSIZE
    tar.offset = header.offset_data + -(-header.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    return header


def _checksum(block: bytes) -> int:
    """Add up a header's bytes, its own checksum taken as spaces."""
    return sum(block) - sum(block[_CHECKSUM]) + 8 * ord(" ")


def _next_header(tar: tarfile.TarFile, stream: BinaryIO) -> tarfile.TarInfo:
    start = tar.offset
    stream.seek(start)
    header = tar.tarinfo.fromtarfile(tar)
    if header.size < 0 or tar.offset <= start:
        raise tarfile.ReadError("negative size in a pax record")
    return header


def _end_at(stream: BinaryIO, start: int, total: int) -> list[Damage]:
    """Say how the tar ends at `start`, where no header follows: with no damage, or with one; a block is read of it."""
    if start >= total:
        return [Damage("the shard ends without end blocks: it was cut", start)]
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
