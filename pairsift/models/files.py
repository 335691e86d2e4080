"""Weight files by their content."""

import hashlib
from pathlib import Path

from pairsift.errors import ModelUnavailableError

CLIP_PREFIX = "open_clip:"
"""What the names of open_clip's models begin with."""


def digest_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, 64 hex digits; ModelUnavailableError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailableError(f"cannot read the model file {path}: {error.strerror}") from error
