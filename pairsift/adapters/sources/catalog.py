"""The one list of source formats, and how a URI becomes a source."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from pairsift.adapters.remote import answering, open_system
from pairsift.adapters.sources import folder, webdataset
from pairsift.adapters.sources.files import SourceFile, local_path, relative_name, uri_of, walk
from pairsift.adapters.sources.folder import Folder, is_caption, is_image
from pairsift.adapters.sources.patterns import base_of, find_shards, is_shard, refuse_unknown_braces
from pairsift.adapters.sources.webdataset import WebDataset
from pairsift.config import IngestConfig, SourceFormat
from pairsift.core.days import has_date, name_days, on_day
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

    @property
    def missing_days(self) -> tuple[date, ...]:
        """Those of the days asked for of which nothing is there, or not all that a range names."""

    def partitions(self, known: Mapping[str, Sequence[str]], config: IngestConfig) -> list[PartitionSpec]:
        """List the partitions in a fixed order; `known` are the members of those seen before, by key."""

    def read(self, spec: PartitionSpec) -> Iterator[ReadPair | Damage]:
        """Read one partition's pairs in the source's order."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """What there is of one day; `absent` is what a range names in vain, `part` the day's folder below the base."""

    files: Sequence[SourceFile]
    absent: Sequence[str] = ()
    part: str = ""


READERS: Mapping[str, Callable[[PartitionSpec], Iterator[ReadPair | Damage]]] = {
    webdataset.FORMAT: webdataset.read,
    folder.FORMAT: folder.read,
}
"""Every format; a new one is one module, one line here and one in `_choose_format`."""


IDENTIFIERS: Mapping[str, Callable[[PartitionSpec], str]] = {webdataset.FORMAT: webdataset.identify_now}
"""Formats whose partitions can be identified one by one; a folder's slice only by listing the whole folder."""


def identify_now(spec: PartitionSpec) -> str:
    """Identify a partition's input as it is now, which may have changed since it was listed."""
    identify = IDENTIFIERS.get(spec.format)
    return spec.input_fingerprint if identify is None else identify(spec)


def read_partition(spec: PartitionSpec) -> Iterator[ReadPair | Damage]:
    """Read one partition by its spec alone, without listing its source again."""
    return READERS[spec.format](spec)


def pairs_of(spec: PartitionSpec) -> Iterator[ReadPair]:
    """Read the pairs of one partition, whatever else of it is damaged."""
    return (found for found in read_partition(spec) if not isinstance(found, Damage))


def open_source(uri: str, format: SourceFormat = "auto", days: Sequence[date] = ()) -> Source:  # noqa: A002 - the word of the command line and the docs
    """Find a source's files and its format; SourceError says what is wrong, where, and what to do.

    `uri` is a folder, a `.tar`, a glob, or a brace range `{00000..00003}.tar`: a local path, `file://` or any URL
    that fsspec knows. With `{date}` in it, it names the files of all `days`.
    """
    if uri.lower().endswith(_COMPRESSED):
        raise SourceError(f"{uri} is compressed, and pairs in it have no byte offsets: decompress it to .tar first")
    if has_date(uri):
        return _open_days(uri, format, days)
    if _is_folder(uri):
        return _open_folder(uri, format)
    if format == folder.FORMAT:
        raise SourceError(f"{uri} is not a folder: give the folder that holds the images")
    return _open_shards(uri)


def _is_folder(uri: str) -> bool:
    path = local_path(uri)
    if path is not None:
        return path.is_dir()
    system, name = open_system(uri)
    with answering(uri):
        return bool(system.isdir(name))


def _open_shards(uri: str) -> Source:
    shards, absent = find_shards(uri, base_of(uri))
    if not shards:
        refuse_unknown_braces(uri)
    if absent:
        raise SourceError(f"{absent[0]} is not there, but the range names it: give a range of shards that exist")
    if not shards:
        raise SourceError(f"{uri} names no file: check the path; in a shell, put a pattern in quotes")
    return WebDataset(tuple(shards), f"{len(shards)} WebDataset shard(s) named by {uri}")


def _open_folder(uri: str, format: SourceFormat) -> Source:  # noqa: A002 - see open_source
    files = walk(uri)
    chosen = _choose_format(uri, format, files)
    if chosen == webdataset.FORMAT:
        shards = tuple(file for file in files if is_shard(file.name))
        return WebDataset(shards, f"{len(shards)} .tar file(s) under {uri}: WebDataset shards")
    if chosen == folder.FORMAT:
        images = sum(is_image(file.name) for file in files)
        return Folder(_absolute(uri), {"": _pair_files(files)}, f"{images} image file(s) under {uri}: a folder")
    wanted = {"auto": "neither .tar shards nor image files", "folder": "no image files", "webdataset": "no .tar shards"}
    raise SourceError(f"{uri} holds {wanted[format]} ({len(files)} files seen): name a folder that does")


def _open_days(uri: str, format: SourceFormat, days: Sequence[date]) -> Source:  # noqa: A002 - see open_source
    """Open the files of all days as one source; what is not there of a day does not keep back the rest."""
    base = base_of(uri)
    listed = {day: _list_day(on_day(uri, day), base) for day in days}
    chosen = _choose_format(uri, format, [file for found in listed.values() for file in found.files])
    if chosen is None:
        refuse_unknown_braces(uri)
        wanted = {"auto": "shards or image files", "folder": "image files", "webdataset": "shards"}
        raise SourceError(f"{uri} names no {wanted[format]} on {name_days(days)}: check the path, or wait for them")
    is_wanted = is_shard if chosen == webdataset.FORMAT else is_image
    there = {day: found for day, found in listed.items() if any(is_wanted(file.name) for file in found.files)}
    missing = tuple(day for day in days if day not in there or there[day].absent)
    why = _tell_days(uri, there, missing)
    if chosen == folder.FORMAT:
        parts = {found.part: _pair_files(found.files) for found in there.values()}
        return Folder(_absolute(base), parts, f"images {why}", missing)
    shards = {file.name: file for found in there.values() for file in found.files if is_shard(file.name)}
    return WebDataset(
        tuple(shards[name] for name in sorted(shards)), f"{len(shards)} WebDataset shard(s) {why}", missing
    )


def _list_day(uri: str, base: str) -> _Listed:
    if not _is_folder(uri):
        return _Listed(*find_shards(uri, base))
    part = f"{relative_name(uri, base)}/"
    return _Listed([replace(file, name=f"{part}{file.name}") for file in walk(uri)], part=part)


def _tell_days(uri: str, there: Mapping[date, _Listed], missing: Sequence[date]) -> str:
    absent = [name for found in there.values() for name in found.absent]
    lacking = f"; nothing, or not all, of {name_days(missing)}" if missing else ""
    example = f" ({absent[0]} is not there)" if absent else ""
    return f"of {len(there)} day(s) named by {uri}{lacking}{example}"


def _choose_format(uri: str, format: SourceFormat, files: Sequence[SourceFile]) -> str | None:  # noqa: A002 - see open_source
    """Choose the reader for what lies there; None where it can read nothing of it."""
    shards = sum(is_shard(file.name) for file in files)
    images = sum(is_image(file.name) for file in files)
    if format == "auto" and shards and images:
        raise SourceError(
            f"{uri} holds {shards} .tar file(s) and {images} image file(s): "
            "say which are meant by a pattern such as 'FOLDER/*.tar', or give the format (webdataset or folder)"
        )
    if shards and format != folder.FORMAT:
        return webdataset.FORMAT
    return folder.FORMAT if images and format != webdataset.FORMAT else None


def _pair_files(files: Iterable[SourceFile]) -> list[SourceFile]:
    return [file for file in files if is_image(file.name) or is_caption(file.name)]


def _absolute(uri: str) -> str:
    path = local_path(uri)
    return uri if path is None else uri_of(path)
