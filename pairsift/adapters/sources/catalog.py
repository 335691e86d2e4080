"""The one list of source formats, and how a URI becomes a source."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from pairsift.adapters.sources import folder, webdataset
from pairsift.adapters.sources.files import local_path, remote, uri_of, walk
from pairsift.adapters.sources.folder import Folder, is_caption, is_image
from pairsift.adapters.sources.patterns import find_shards
from pairsift.adapters.sources.webdataset import WebDataset
from pairsift.config import IngestConfig
from pairsift.core.records import Damage, PartitionSpec, ReadPair
from pairsift.errors import SourceError

_COMPRESSED = (".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz")


class Source(Protocol):
    """Where pairs come from: one format, cut into partitions."""

    @property
    def format(self) -> str:
        """Name of the format in `READERS`."""

    @property
    def why(self) -> str:
        """What was found and why it is read in this format: one line for the operator."""

    def partitions(self, known: Mapping[str, Sequence[str]], config: IngestConfig) -> list[PartitionSpec]:
        """List the partitions in a fixed order; `known` are the members of those seen before, by key."""

    def read(self, spec: PartitionSpec) -> Iterator[ReadPair | Damage]:
        """Read one partition's pairs in the source's order."""


READERS: Mapping[str, Callable[[PartitionSpec], Iterator[ReadPair | Damage]]] = {
    webdataset.FORMAT: webdataset.read,
    folder.FORMAT: folder.read,
}
"""Every format; a new one is one module, one line here and one in `_open_folder`."""


def read_partition(spec: PartitionSpec) -> Iterator[ReadPair | Damage]:
    """Read one partition by its spec alone, without listing its source again."""
    return READERS[spec.format](spec)


def open_source(uri: str, format: str = "auto") -> Source:  # noqa: A002 - the word of the command line and the docs
    """Find a source's files and its format; SourceError says what is wrong, where, and what to do.

    `uri` is a folder, a `.tar`, a glob, or a brace range `{00000..00003}.tar`: a local path, `file://` or any URL
    that fsspec knows.
    """
    if format not in ("auto", *READERS):
        raise SourceError(f"unknown source format {format!r}: known are auto, {', '.join(READERS)}")
    if uri.lower().endswith(_COMPRESSED):
        raise SourceError(f"{uri} is compressed, and pairs in it have no byte offsets: decompress it to .tar first")
    if _is_folder(uri):
        return _open_folder(uri, format)
    if format == folder.FORMAT:
        raise SourceError(f"{uri} is not a folder: give the folder that holds the images")
    shards = find_shards(uri)
    return WebDataset(tuple(shards), f"{len(shards)} WebDataset shard(s) named by {uri}")


def _is_folder(uri: str) -> bool:
    path = local_path(uri)
    if path is not None:
        return path.is_dir()
    system, name = remote(uri)
    return bool(system.isdir(name))


def _open_folder(uri: str, format: str) -> Source:  # noqa: A002 - see open_source
    files = walk(uri)
    shards = tuple(file for file in files if file.name.lower().endswith(".tar"))
    pairs = tuple(file for file in files if is_image(file.name) or is_caption(file.name))
    images = sum(is_image(file.name) for file in pairs)
    _check_unambiguous(uri, format, len(shards), images)
    if shards and format != folder.FORMAT:
        return WebDataset(shards, f"{len(shards)} .tar file(s) under {uri}: WebDataset shards")
    if images and format != webdataset.FORMAT:
        base = local_path(uri)
        return Folder(uri if base is None else uri_of(base), pairs, f"{images} image file(s) under {uri}: a folder")
    wanted = {"auto": "neither .tar shards nor image files", "folder": "no image files", "webdataset": "no .tar shards"}
    raise SourceError(f"{uri} holds {wanted[format]} ({len(files)} files seen): name a folder that does")


def _check_unambiguous(uri: str, format: str, shards: int, images: int) -> None:  # noqa: A002 - see open_source
    if format == "auto" and shards and images:
        raise SourceError(
            f"{uri} holds {shards} .tar file(s) and {images} image file(s): "
            "say which are meant by a pattern such as 'FOLDER/*.tar', or give the format (webdataset or folder)"
        )
