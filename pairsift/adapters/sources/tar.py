"""List a tar's members with the exact place of their bytes, and say where it is damaged.

Python's tarfile reads the headers (USTAR, GNU long names, pax). What it passes over in silence is checked here: it ends
without an error at a cut header, a cut between members, a bad checksum and a zero block in the middle.
"""

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Self

from pairsift.adapters.sources.files import read_held
from pairsift.core.records import Damage

END_BLOCKS_BYTES = 2 * tarfile.BLOCKSIZE
_COMPRESSION = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}

# Beside its own errors, tarfile lets these out for sizes, lengths and chains of headers made of random bytes.
_BAD_HEADER = (tarfile.TarError, ValueError, OverflowError, MemoryError, RecursionError)


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file in a tar: `size` bytes from `offset`; its `data` if wanted, or the `sha256` of too much of it."""

    name: str
    offset: int
    size: int
    data: bytes | None
    sha256: str | None = None


class _Header(tarfile.TarInfo):
    """A TarInfo that refuses negative sizes, also in the headers of long names and pax records."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise tarfile.ReadError("negative size")
        return header


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
