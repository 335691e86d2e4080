"""Weight files by their content."""

import hashlib
from functools import cache
from pathlib import Path

from pairsift.errors import ModelUnavailableError

CLIP_PREFIX = "open_clip:"
"""What the names of open_clip's models begin with."""


def digest_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, 64 hex digits; ModelUnavailableError if it cannot be read.

    A file that has not changed is read once a process: weights of gigabytes are asked for at every chunk.
    """
    try:
        found = path.stat()
        return _digest(path, found.st_size, found.st_mtime_ns)
    except OSError as error:
        raise ModelUnavailableError(f"cannot read the model file {path}: {error.strerror}") from error


@cache
def _digest(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001 - they tell a changed file
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
