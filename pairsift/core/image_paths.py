"""Which paths a table may name its images by: those that stay below one folder."""

import posixpath
import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(://|::)|(data|file):", re.IGNORECASE)


class RefusedPathError(ValueError):
    """A path that is not followed; the message says why, and what may be done about it."""


def path_below(name: str, root: str) -> str:
    """Give the path of an image below its folder `root`, an absolute path or, for remote folders, any text.

    RefusedPathError for a URL and for a path that leaves the folder. Links are the caller's to look at.
    """
    if _SCHEME.match(name):
        raise RefusedPathError(f"{name!r:.200} is a URL, and Pairsift never fetches what a table names")
    if "\0" in name:
        raise RefusedPathError(f"{name!r:.200} has a NUL character in it")
    if not _is_encodable(name):
        raise RefusedPathError(f"{name!r:.200} has a lone surrogate in it, as no file name has")
    below = posixpath.normpath(name)
    if below.startswith("/"):
        below = posixpath.relpath(below, posixpath.normpath(root)) if root.startswith("/") else below
    if below.startswith(("/", "../")) or below in (".", ".."):
        raise RefusedPathError(f"{name!r:.200} leaves the folder {root} (ingest.image_root names another one)")
    return below


def _is_encodable(name: str) -> bool:
    """Tell whether a name is text, or bytes that are none (PEP 383)."""
    try:
        name.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
