"""The image files that tables name: found below one folder, and nowhere else."""

import os

from pairsift.adapters.sources.files import child_uri, escaped, local_file, local_path, uri_of
from pairsift.core.image_paths import RefusedPathError, path_below


def find_picture(name: str, root: str) -> str:
    """Give the URI of the image that a table names; RefusedPathError for a URL, or where it leaves the folder.

    On a local file system a link that leads out of the folder is refused, too.
    """
    path = local_path(root)
    if path is None:
        return child_uri(root, escaped(path_below(name, "")))
    picture = path / path_below(name, str(path.absolute()))
    folder, lies = os.path.realpath(path), os.path.realpath(picture)
    if not lies.startswith(f"{folder.rstrip('/')}/"):
        raise RefusedPathError(f"{name!r:.200} is a link that leads out of the folder {folder}")
    return uri_of(picture)


def picture_version(uri: str) -> str:
    """Tell what changes with a local picture; that of a remote one is not asked for, one by one it would take hours."""
    path = local_path(uri)
    try:
        file = None if path is None else local_file(path, path.parent)
    except ValueError:
        return ""
    return "" if file is None else f"{file.size} {file.version}"


def folder_of(uri: str) -> str:
    """Name the folder that a file lies in."""
    path = local_path(uri)
    return uri.rpartition("/")[0] if path is None else uri_of(path.parent)
