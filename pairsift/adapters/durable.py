"""Write a file so that it is whole under its name, or not there at all."""

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pairsift.errors import DiskFullError

BLOCK_BYTES = 1 << 20
FULL = {errno.ENOSPC: "ENOSPC", errno.EDQUOT: "EDQUOT"}


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What identifies a written file: its sha256 (64 hex digits) and size in bytes."""

    sha256: str
    size: int


def write_durably(target: Path, write: Callable[[Path], object]) -> FileFacts:
    """Let `write` fill a temporary file beside `target`, then move it there once it is on disk.

    A crash leaves at most a hidden `.NAME.….tmp`; two processes that write one target never share a temporary file,
    and the last to finish wins. Folders that are missing are made. Whatever `write` raises is passed on, but for a full
    disk, which is a DiskFullError.
    """
    temporary = _hidden(target)
    with needing_room(target):
        make_folder(target.parent)
        try:
            write(temporary)
            facts = file_facts(temporary)
            _sync(temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        _sync(target.parent)
    return facts


def write_folder_durably(index: Path, write: Callable[[Path], object]) -> FileFacts:
    """Let `write` make a temporary folder, then move it to where `index` is a file of it; say what identifies that.

    The folder takes the place of the one that is there, which is gone for a moment between the two. A crash leaves at
    most hidden folders beside it. All is brought to disk at once: that costs one wait, not one for every file.
    """
    target = index.parent
    temporary = _hidden(target)
    with needing_room(target):
        make_folder(target.parent)
        try:
            write(temporary)
            os.sync()
            _replace_folder(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        _sync(target.parent)
    return file_facts(index)


def _replace_folder(made: Path, target: Path) -> None:
    old = _hidden(target)
    if target.exists():
        target.rename(old)
    made.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _hidden(target: Path) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")


@contextmanager
def needing_room(path: Path) -> Iterator[None]:
    """Say for which file a disk was too full: the errors of most writers do not name it."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DiskFullError(
            f"no space left for {path} ({FULL[error.errno]}): make room there, then run the same command again"
        ) from error


def file_facts(path: Path) -> FileFacts:
    """Read the file once and say what identifies it."""
    with path.open("rb") as file:
        return stream_facts(file)


def stream_facts(stream: BinaryIO) -> FileFacts:
    """Read what is left of a stream and say what identifies it."""
    digest = hashlib.sha256()
    size = 0
    while block := stream.read(BLOCK_BYTES):
        digest.update(block)
        size += len(block)
    return FileFacts(digest.hexdigest(), size)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each durable in the folder that holds it."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
