"""Text files that list sources, one a line."""

import posixpath
import re
from collections.abc import Sequence

from pairsift.adapters.sources.files import local_path, open_stream, remote
from pairsift.adapters.sources.pictures import folder_of
from pairsift.core.source_columns import FETCH
from pairsift.errors import SourceError

LIST = "@"
"""What a source begins with that is a list."""

_WEB_IMAGE = re.compile(r"https?://(?!.*\.(tar|parquet|csv|tsv|jsonl|json)(\.\w+)?$)", re.IGNORECASE)


def read_list(uri: str) -> list[str]:
    """Read the sources that a list names: paths below the list's own folder, or whole ones; `#` begins a remark.

    SourceError for a list that is not there, is empty, or lists images on the web.
    """
    name = uri.removeprefix(LIST)
    try:
        with open_stream(name) as stream:
            text = stream.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{name} is no list of sources: {error}") from error
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise SourceError(f"{name} lists no source")
    for line in lines:
        if _WEB_IMAGE.match(line):
            fetch = FETCH.format(format="txt", url="url", caption="caption")
            raise SourceError(f"{name} lists URLs such as {line:.200}, which are no shards or tables. {fetch}")
    return [_resolved(line, folder_of(name)) for line in lines]


def common_folder(uri: str, files: Sequence[str]) -> str:
    """Name the deepest folder that all files lie in; SourceError where they have none."""
    paths = [local_path(file) for file in files]
    if all(path is not None for path in paths):
        return posixpath.commonpath([folder_of(file) for file in files])
    protocols = {file.split("://")[0] for file in files}
    if len(protocols) > 1:
        raise SourceError(f"{uri} names files in several file systems: give each a list of its own")
    system, _ = remote(files[0])
    return str(system.unstrip_protocol(posixpath.commonpath([remote(folder_of(file))[1] for file in files])))


def _resolved(line: str, folder: str) -> str:
    path = local_path(line)
    if path is None or path.is_absolute() or line.startswith("file://"):
        return line
    return f"{folder.rstrip('/')}/{line}"  # as text: a pattern is no path yet
