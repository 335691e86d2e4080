"""The image files that tables name: found below one folder, and nowhere else."""

import os
from pathlib import Path

from pairsift.adapters.sources.files import CELL_MARK, child_uri, escaped, local_path, uri_of
from pairsift.core.image_paths import RefusedPathError, path_below

_KNOWN_FOLDERS = 10_000
"""Folders remembered of one table; each costs some system calls, and a million rows may lie in a hundred."""


class Pictures:
    """The image files below one folder, by the names that a table gives them.

    Paths are put together as text: pathlib and a look at every folder on the way cost six times as much a row.
    """

    def __init__(self, root: str) -> None:
        path = local_path(root)
        self._remote = root if path is None else None
        self._root = "" if path is None else str(path.absolute())
        self._real_root = os.path.realpath(self._root)
        self._real_folders: dict[str, str] = {}

    def find(self, name: str) -> str:
        """Give the URI of the image that a table names; RefusedPathError for a URL, or where it leaves the folder.

        On a local file system a link that leads out of the folder is refused, too.
        """
        below = path_below(name, self._root)
        if self._remote is not None:
            return child_uri(self._remote, escaped(below))
        path = f"{self._root.rstrip('/')}/{below}"
        if not self._lies(path).startswith(f"{self._real_root.rstrip('/')}/"):
            raise RefusedPathError(f"{name!r:.200} is a link that leads out of the folder {self._real_root}")
        return path if path.isascii() and CELL_MARK not in path else uri_of(Path(path))

    def version(self, uri: str) -> str:
        """Tell what changes with a local picture; of remote ones, one by one, that would take hours."""
        path = local_path(uri) if self._remote is None else None
        try:
            status = None if path is None else path.stat()
        except (OSError, ValueError):
            return ""
        return "" if status is None else f"{status.st_size} {status.st_mtime_ns}"

    def _lies(self, path: str) -> str:
        """Tell where a path leads to, its links followed."""
        folder, _, name = path.rpartition("/")
        if folder not in self._real_folders:
            if len(self._real_folders) >= _KNOWN_FOLDERS:
                self._real_folders.clear()
            self._real_folders[folder] = os.path.realpath(folder)
        lies = f"{self._real_folders[folder]}/{name}"
        return os.path.realpath(lies) if os.path.islink(lies) else lies  # noqa: PTH114 - see the class


def folder_of(uri: str) -> str:
    """Name the folder that a file lies in."""
    path = local_path(uri)
    return uri.rpartition("/")[0] if path is None else uri_of(path.parent)
