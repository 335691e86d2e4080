"""Files that others read, in a folder or in an object store: put there whole, looked at, read back, removed."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pairsift.adapters.durable import FileFacts, file_facts, make_folder, needing_room, stream_facts, write_durably
from pairsift.adapters.remote import answering, open_remote, open_system
from pairsift.adapters.sources.files import local_path
from pairsift.adapters.uploading import upload, write_bytes, write_if_unchanged

LISTED_FILES = 3
"""A folder of which so many are wanted is listed: a partition's own, not the one that has all shards."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that was found: its path or URI, size in bytes, and when it was written, in seconds since 1970."""

    uri: str
    size: int
    modified: float


def publish(uri: str, scratch: Path, write: Callable[[Path], object]) -> FileFacts:
    """Let `write` make a file, and put it under its URI whole; one for an object store is made in `scratch` first."""
    path = local_path(uri)
    if path is not None:
        return write_durably(path, write)
    with needing_room(scratch):
        make_folder(scratch)
        with TemporaryDirectory(dir=scratch) as folder:
            made = Path(folder, uri.rpartition("/")[2])
            write(made)
            facts = file_facts(made)
            upload(made, uri)
    return facts


def publish_text(uri: str, compose: Callable[[], str], lock: Callable[[], AbstractContextManager[None]]) -> None:
    """Write a text that tells what is the case, so that none made earlier ever takes the place of one made later.

    In a folder `lock` sees to that. A store with conditional writes does so itself, and needs none to be held through a
    network's delays.
    """
    path = local_path(uri)
    try:
        if path is None:
            write_if_unchanged(uri, compose)
            return
    except NotImplementedError:
        pass
    with lock():
        data = compose().encode()
        if path is None:
            write_bytes(uri, data)
        else:
            write_durably(path, lambda temporary: temporary.write_bytes(data))


def sizes_at(uris: Sequence[str]) -> list[int | None]:
    """Look how large files are; None for one that is not there.

    A store is asked once a folder for those that have it for themselves, and once a file where a folder may hold the
    files of others by the thousand.
    """
    listed: dict[str, dict[str, int]] = {}
    wanted = Counter(map(_folder_of, uris))
    return [_size_at(uri, listed if wanted[_folder_of(uri)] >= LISTED_FILES else None) for uri in uris]


def facts_at(uri: str) -> FileFacts | None:
    """Read a file once and say what identifies it; None where it is not there."""
    path = local_path(uri)
    if path is not None:
        return file_facts(path) if path.is_file() else None
    try:
        with open_remote(uri) as stream:
            return stream_facts(stream)
    except FileNotFoundError:
        return None


def bytes_at(uri: str) -> bytes | None:
    """Read a small file; None where it is not there."""
    path = local_path(uri)
    try:
        if path is not None:
            return path.read_bytes()
        with open_remote(uri) as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def files_below(folder: str) -> Iterator[FoundFile]:
    """List all files below a folder, hidden ones too, in no order; none where it is not there."""
    path = local_path(folder)
    if path is None:
        yield from _found_remote(folder)
        return
    for place, _, names in os.walk(path):
        for name in names:
            file = Path(place, name)
            with suppress(FileNotFoundError):  # removed, or renamed, since it was listed
                facts = file.stat()
                yield FoundFile(str(file), facts.st_size, facts.st_mtime)


def remove_file(uri: str) -> None:
    """Remove a file, and on a disk the folders that are empty then; nothing where it is not there."""
    path = local_path(uri)
    if path is not None:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            path.parent.rmdir()
            path.parent.parent.rmdir()
        return
    system, name = open_system(uri)
    with answering(uri), suppress(FileNotFoundError):
        system.rm_file(name)


def _found_remote(folder: str) -> Iterator[FoundFile]:
    system, name = open_system(folder)
    protocol = folder.partition("://")[0]
    with answering(folder):
        found = system.find(name, detail=True)
    for place, facts in found.items():
        modified = facts["LastModified"] if "LastModified" in facts else system.modified(place)
        yield FoundFile(f"{protocol}://{place}", int(facts["size"]), modified.timestamp())


def _size_at(uri: str, listed: dict[str, dict[str, int]] | None) -> int | None:
    path = local_path(uri)
    if path is not None:
        return path.stat().st_size if path.is_file() else None
    if listed is None:
        return _size_asked(uri)
    folder, _, name = uri.rpartition("/")
    if folder not in listed:
        listed[folder] = _list(folder)
    return listed[folder].get(name)


def _size_asked(uri: str) -> int | None:
    system, name = open_system(uri)
    try:
        with answering(uri):
            info = system.info(name)
    except FileNotFoundError:
        return None
    return int(info["size"]) if info["type"] == "file" else None


def _folder_of(uri: str) -> str:
    return uri.rpartition("/")[0]


def _list(folder: str) -> dict[str, int]:
    system, name = open_system(folder)
    try:
        with answering(folder):
            found = system.ls(name, detail=True)
    except FileNotFoundError:
        return {}
    return {info["name"].rpartition("/")[2]: info["size"] for info in found if info["type"] == "file"}
