"""The files of a source, local or behind fsspec: names, sizes, versions and bytes."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote_to_bytes

from pairsift.adapters.remote import answering, open_remote, open_system, read_range, version_of
from pairsift.core.fingerprint import fingerprint
from pairsift.core.records import IngestedPair, Location
from pairsift.errors import SourceChangedError

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(://|::)")

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
    """Name a local file so that `local_path` finds it: its absolute path, as `file://` where that is not UTF-8."""
    absolute = path.absolute()
    return absolute.as_uri() if _has_undecoded_bytes(str(absolute)) else str(absolute)


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
        return escaped(open_system(uri)[1].removeprefix(open_system(base)[1].rstrip("/")).strip("/"))
    return escaped(path.relative_to(root).as_posix())


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
    system, root = open_system(base)
    with answering(base):
        found = system.find(root, detail=True)
    for path, info in found.items():
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
    return SourceFile(name, system.unstrip_protocol(path), info["size"], version_of(system, path, info))


def look_at(uri: str) -> SourceFile | None:
    """Look at one file as it is now, named relative to its folder; None where it is gone."""
    path = local_path(uri)
    if path is not None:
        return local_file(path, path.parent)
    system, name = open_system(uri)
    try:
        with answering(uri):
            return remote_file(system, name, system.info(name), name.rpartition("/")[0])
    except FileNotFoundError:
        return None


def open_stream(uri: str) -> BinaryIO:
    """Open a file for reading from its start; whatever the file system raises is passed on."""
    path = local_path(uri)
    return open_remote(uri) if path is None else path.open("rb")


def read_bytes(location: Location) -> bytes:
    """Read exactly the bytes of a location: one open and one `pread`, or a range of a file behind fsspec.

    SourceChangedError where the file is gone or has become shorter since it was listed.
    """
    try:
        data = _read_range(location)
    except FileNotFoundError as error:
        raise SourceChangedError(f"{location.uri} is gone since it was read first: run again") from error
    if len(data) != location.size:
        raise SourceChangedError(
            f"{location.uri}: {len(data)} of {location.size} bytes at offset {location.offset}; "
            "the file became shorter since it was read first: run again"
        )
    return data


def read_image(pair: IngestedPair) -> bytes | None:
    """Read a pair's image again; SourceChangedError where it is not what was ingested."""
    if pair.image is None:
        return None
    image = read_bytes(pair.image)
    if hashlib.sha256(image).hexdigest() != pair.image_sha256:
        raise SourceChangedError(
            f"{pair.image.uri}: the image of {pair.key!r} changed since it was read first: run again"
        )
    return image


def _read_range(location: Location) -> bytes:
    path = local_path(location.uri)
    if path is None:
        return read_range(location.uri, location.offset, location.size)
    with path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), location.size, location.offset)
