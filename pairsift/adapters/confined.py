"""Files below the storage folder: whatever the store names, nothing is looked for elsewhere."""

import os
from pathlib import Path

from pairsift.errors import OutsideStorageError


def place_below(folder: Path, uri: str) -> Path:
    """Name the file at a relative path below a folder; OutsideStorageError where the path leads out of it.

    Links are not followed: a folder of the storage may lie on another disk.
    """
    root = os.path.normpath(folder)
    path = os.path.normpath(folder / uri)
    if not path.startswith(f"{root.rstrip('/')}/") or "\0" in uri:
        raise OutsideStorageError(
            f"the store names the file {uri!r}, which is not below {folder}: somebody has changed the database; bring "
            "it back from a backup"
        )
    return Path(path)
