"""Compressed tars: places in them are those of what comes out, which can only be read from the front."""

import bz2
import gzip
import io
import lzma
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, Any, BinaryIO, Protocol, Self, cast

import pyarrow as pa

from pairsift.adapters.sources.cursors import Cursors
from pairsift.adapters.sources.files import WatchedStream, look_at
from pairsift.core.records import Location
from pairsift.errors import ContainerDamagedError, SourceChangedError

MAX_EXPANSION = 50
"""Pictures do not shrink: a tar 50 times its compressed size holds something else, or is meant to fill disks."""
ALWAYS_ALLOWED_BYTES = 1 << 28

_BLOCK = 1 << 16
"""What is lost at most before a damage, where a decoder gives nothing of a read that fails."""


class _Unpacked(Protocol):
    def read1(self, size: int, /) -> bytes:
        """Read as much as comes out at once, so that nothing before a damage is lost."""


def _gunzip(stream: IO[bytes]) -> _Unpacked:
    return gzip.GzipFile(fileobj=stream, mode="rb")


_UNPACKERS: dict[str, Callable[[Any], _Unpacked]] = {
    ".tar.gz": _gunzip,
    ".tgz": _gunzip,
    ".tar.zst": partial(pa.CompressedInputStream, compression="zstd"),
    ".tar.bz2": bz2.BZ2File,
    ".tar.xz": lzma.LZMAFile,
}
ENDINGS = tuple(_UNPACKERS)


class _BadDataError(Exception):
    """Compressed bytes that no decoder takes."""


def is_compressed(uri: str) -> bool:
    """Say whether a file's name ends like a compressed tar's."""
    return uri.lower().endswith(ENDINGS)


def tar_stem(name: str) -> str:
    """Take `.tar`, or what a compressed tar's name ends in, from a name."""
    ending = next((ending for ending in (".tar", *ENDINGS) if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]


@contextmanager
def open_decompressed(uri: str) -> Iterator[tuple[BinaryIO, str | None]]:
    """Decompress a tar into a temporary file; give that, and what is wrong with the compressed bytes, if anything.

    What comes out before a damage is there. ContainerDamagedError where it grows beyond `MAX_EXPANSION`.
    """
    with tempfile.TemporaryFile(prefix="pairsift-tar-") as plain:
        fault = _decompress(uri, plain)
        plain.seek(0)
        yield cast("BinaryIO", plain), fault


def _decompress(uri: str, plain: IO[bytes]) -> str | None:
    with _Unpacker(uri) as packed:
        allowed = max(ALWAYS_ALLOWED_BYTES, MAX_EXPANSION * packed.packed_size)
        try:
            while data := packed.read(_BLOCK):
                plain.write(data)
                if plain.tell() > allowed:
                    raise ContainerDamagedError(
                        f"{uri} grows to more than {MAX_EXPANSION} times its size when it is decompressed: if that is "
                        "meant, decompress it to .tar first"
                    )
        except _BadDataError as error:
            return f"its compressed data is damaged: {error}"
    return None


class _Unpacker:
    """What comes out of a compressed file, read forward only."""

    def __init__(self, uri: str) -> None:
        self._file = WatchedStream(uri)
        self.packed_size = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)
        ending = next(ending for ending in ENDINGS if uri.lower().endswith(ending))
        self._unpacked = _UNPACKERS[ending](io.BufferedReader(self._file, 1 << 20))
        self._at = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reads(self, place: int) -> bool:
        return place >= self._at

    def read(self, size: int) -> bytes:
        """Read some of what comes next; nothing at the end."""
        try:
            data = self._unpacked.read1(size)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            if self._file.error is not None:
                raise self._file.error from error
            raise _BadDataError(str(error) or type(error).__name__) from error
        self._at += len(data)
        return data

    def read_at(self, place: int, size: int) -> bytes:
        while self._at < place and self.read(min(_BLOCK, place - self._at)):
            pass
        data = bytearray()
        while self._at >= place and len(data) < size and (more := self.read(size - len(data))):
            data += more
        return bytes(data)

    def close(self) -> None:
        self._file.close()


_OPEN: Cursors[_Unpacker] = Cursors()


def read_compressed(location: Location) -> bytes:
    """Read the bytes of a location in what comes out of a compressed file.

    In the order of the places the file is decompressed once; each step back costs a start from the front.
    """
    file = look_at(location.uri)
    if file is None:
        raise FileNotFoundError(location.uri)
    key = (location.uri, file.size, file.version)
    try:
        return _OPEN.read(key, lambda: _Unpacker(location.uri), location.offset, location.size)
    except _BadDataError as error:
        raise SourceChangedError(f"{location.uri} changed since it was read first: run again ({error})") from error
