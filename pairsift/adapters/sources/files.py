"""The files of a source, local or behind fsspec: names, sizes, versions and bytes."""

import errno
import hashlib
import io
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote, unquote_to_bytes

import fsspec.core

from pairsift.core.fingerprint import fingerprint
from pairsift.core.records import MOST_HELD_BYTES, Location
from pairsift.errors import SourceError

_T = TypeVar("_T")

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(://|::)")
_VERSION_FIELDS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime", "created")
"""Where fsspec's file systems keep what changes with a file, the surest first."""


CELL_MARK = "#row_group="
"""Parts the URI of a Parquet file from the place of a cell in it."""

_BLOCK_BYTES = 1 << 20

MAX_COMPONENT = 150
"""File systems take 255 bytes; temporary names need some of them."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: its name relative to the source's base (`escaped`), its URI, size in bytes and version token."""

    name: str
    uri: str
    size: int
    version: str


def local_path(uri: str) -> Path | None:
    """Turn a plain path or a `file://` URI into a path; None for what lies behind fsspec."""
    if uri.startswith("file://"):
        return Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://").removeprefix("localhost"))))
    return None if _REMOTE.match(uri) else Path(uri)


def uri_of(path: Path) -> str:
    """Name a local file so that `local_path` finds it: its absolute path, as `file://` where that could be misread."""
    absolute = path.absolute()
    is_plain = CELL_MARK not in str(absolute) and not _has_undecoded_bytes(str(absolute))
    return str(absolute) if is_plain else absolute.as_uri()


def escaped(name: str) -> str:
    """Make a file name storable and reversible: `%` and bytes that are not UTF-8 become `%XX`."""
    if _has_undecoded_bytes(name) or "%" in name:
        return "".join(c if c != "%" and not _has_undecoded_bytes(c) else quote(os.fsencode(c), safe="") for c in name)
    return name


def unescaped(name: str) -> str:
    """Undo `escaped`."""
    return os.fsdecode(unquote_to_bytes(name)) if "%" in name else name


def storable(name: str) -> str:
    r"""Make a name fit for every database and file: what is not UTF-8 becomes `\udcNN`, and NUL `\x00`."""
    return name.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def path_component(name: str) -> str:
    """Make a relative path one safe part of a path; different names stay different.

    What is not an ASCII letter, a digit or `_.-~` becomes `%XX`; a name that gets too long ends in its digest.
    """
    component = quote(unescaped(name).encode(errors="surrogateescape"), safe="")
    component = re.sub(r"^\.", "%2E", component)
    if len(component) <= MAX_COMPONENT:
        return component
    return f"{component[: MAX_COMPONENT - 33]}-{fingerprint(name)[:32]}"


def _has_undecoded_bytes(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def child_uri(base: str, name: str) -> str:
    """Name a file by its base's URI and its escaped relative name."""
    path = local_path(base)
    return f"{base.rstrip('/')}/{unescaped(name)}" if path is None else uri_of(path / unescaped(name))


def relative_name(uri: str, base: str) -> str:
    """Name what lies below a base by its escaped path from there; the inverse of `child_uri`."""
    path, root = local_path(uri), local_path(base)
    if path is None or root is None:
        return escaped(remote(uri)[1].removeprefix(remote(base)[1].rstrip("/")).strip("/"))
    return escaped(path.relative_to(root).as_posix())


def remote(uri: str) -> tuple[Any, str]:
    """Open fsspec's file system of a URI; SourceError where its protocol is unknown or needs a package."""
    try:
        system, path = fsspec.core.url_to_fs(uri)
    except (ValueError, ImportError) as error:
        raise SourceError(f"cannot open {uri}: {error}") from error
    return system, path


def walk(base: str) -> list[SourceFile]:
    """List the regular files below a folder, sorted by name; names that start with a dot are left out."""
    root = local_path(base)
    found = _walk_remote(base) if root is None else _walk_local(root)
    return sorted(found, key=lambda file: file.name)


def _walk_local(root: Path) -> Iterator[SourceFile]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = None if name.startswith(".") else local_file(Path(folder, name), root)
            if file is not None:
                yield file


def _walk_remote(base: str) -> Iterator[SourceFile]:
    system, root = remote(base)
    for path, info in system.find(root, detail=True).items():
        file = remote_file(system, path, info, root)
        if not any(part.startswith(".") for part in file.name.split("/")):
            yield file


def local_file(path: Path, base: Path) -> SourceFile | None:
    """Look at one local file; None where it is gone or not a regular file."""
    try:
        status = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    name = escaped(path.relative_to(base).as_posix())
    return SourceFile(name, uri_of(path), status.st_size, f"mtime_ns={status.st_mtime_ns}")


def remote_file(system: Any, path: str, info: dict[str, Any], base: str) -> SourceFile:  # noqa: ANN401 - fsspec is untyped
    """Describe one file behind fsspec by what its file system says of it."""
    name = escaped(path.removeprefix(base.rstrip("/")).lstrip("/"))
    versions = [f"{field}={info[field]}" for field in _VERSION_FIELDS if info.get(field)]
    return SourceFile(name, system.unstrip_protocol(path), info["size"], versions[0] if versions else system.ukey(path))


def look_at(uri: str) -> SourceFile | None:
    """Look at one file as it is now, named relative to its folder; None where it is gone."""
    path = local_path(uri)
    if path is not None:
        return local_file(path, path.parent)
    system, name = remote(uri)
    try:
        return remote_file(system, name, system.info(name), name.rpartition("/")[0])
    except FileNotFoundError:
        return None


def open_stream(uri: str) -> BinaryIO:
    """Open a file for reading from its start; whatever the file system raises is passed on."""
    path = local_path(uri)
    if path is not None:
        return path.open("rb")
    system, name = remote(uri)
    stream: BinaryIO = system.open(name, "rb")
    return stream


class WatchedStream(io.RawIOBase):
    """A file whose own errors are remembered: what a decoder raises without one is the fault of the bytes.

    Else a network that fails would look like a damaged file, and cost pairs for good.
    """

    def __init__(self, uri: str) -> None:
        super().__init__()
        self._stream = open_stream(uri)
        self.error: OSError | None = None

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read at any place."""
        return True

    def tell(self) -> int:
        """Tell the place that is read next."""
        return self._stream.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._watch(lambda: self._stream.seek(offset, whence))

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, at the end fewer, without the copies that a raw stream makes of them."""
        return self._watch(lambda: self._stream.read(size))

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - the buffer protocol has no type before Python 3.12
        """Read into a buffer; return how many bytes."""
        data = self._watch(lambda: self._stream.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        super().close()

    def _watch(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except OSError as error:
            self.error = error
            raise


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes, and where they lie; of more than `MOST_HELD_BYTES` only the sha256. Nothing if it is gone."""

    location: Location | None = None
    data: bytes | None = None
    sha256: str | None = None


def read_file(uri: str) -> Content:
    """Read a whole regular file; nothing where there is none that may be read."""
    path = local_path(uri)
    try:
        if path is not None and not path.is_file():  # opening a pipe would wait for ever
            return Content()
        with open_stream(uri) as stream:
            data, sha256 = read_held(stream)
            return Content(Location(uri, 0, stream.tell()), data, sha256)
    except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ValueError):
        return Content()
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            return Content()
        raise


def read_held(stream: BinaryIO, size: int | None = None) -> tuple[bytes | None, str | None]:
    """Read so many bytes, or all there are; of more than may be held give the sha256 instead of them."""
    blocks: list[bytes] = []
    digest = None
    left = sys.maxsize if size is None else size
    while block := stream.read(min(left, _BLOCK_BYTES)):
        left -= len(block)
        blocks.append(block)
        if digest is not None or len(blocks) * _BLOCK_BYTES > MOST_HELD_BYTES:
            digest = digest or hashlib.sha256()
            digest.update(b"".join(blocks))
            blocks = []
    return (b"".join(blocks), None) if digest is None else (None, digest.hexdigest())
