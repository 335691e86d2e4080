"""Folders of image files, each with its caption in a file of the same stem beside it: plain, kohya's, img2dataset's."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import PurePosixPath

from pairsift.adapters.sources.files import (
    Content,
    SourceFile,
    child_uri,
    open_stream,
    path_component,
    read_file,
    storable,
    unescaped,
)
from pairsift.adapters.sources.sample_json import caption_in, fields_of, uid_in
from pairsift.adapters.sources.slices import member_slices
from pairsift.adapters.sources.source import Format, Listing
from pairsift.adapters.sources.webdataset import IMAGE_SUFFIXES
from pairsift.config import IngestConfig
from pairsift.core.fingerprint import fingerprint
from pairsift.core.records import Damage, Location, PartitionSpec, ReadPair, SourcePair

_ENDINGS = tuple(ending for suffix in IMAGE_SUFFIXES for ending in (f".{suffix}", f".{suffix.upper()}"))


@dataclass(frozen=True, slots=True)
class Style:
    """How captions lie beside images: the endings of their files, the first that is there; `has_json`: facts, too."""

    format: str
    noun: str
    captions: tuple[str, ...] = (".txt", ".TXT")
    first_line: bool = False
    has_json: bool = False

    def beside(self, image: str) -> list[str]:
        """Name the files that may belong to an image."""
        return [stem_of(image) + ending for ending in (*self.captions, *([".json"] if self.has_json else []))]

    def is_caption(self, name: str) -> bool:
        """Say whether a file name ends like a caption's."""
        return name.lower().endswith(self.captions)

    def is_beside(self, name: str) -> bool:
        """Say whether a file is read beside the images."""
        return self.is_caption(name) or (self.has_json and name.lower().endswith(".json"))


PLAIN = Style("folder", "image file(s)")
KOHYA = Style("kohya", "image file(s) with kohya's captions", (".caption", ".txt"), first_line=True)
"""As sd-scripts reads it: the first line of a `.caption`, its default, or of a `.txt`, as most use it."""
FILES = Style("img2dataset-files", "image file(s) with img2dataset's .json", has_json=True)


@dataclass(frozen=True, slots=True)
class Folder:
    """Image and caption files below one folder, each list sorted by relative name.

    `parts` are the files that share slices, by what the names of these begin with: those of a day, if it has days.
    """

    uri: str
    parts: Mapping[str, Sequence[SourceFile]]
    why: str
    style: Style
    missing_days: tuple[date, ...] = ()

    @property
    def format(self) -> str:
        """Name of the style."""
        return self.style.format

    def partitions(self, known: Mapping[str, Sequence[str]], config: IngestConfig) -> list[PartitionSpec]:
        """Cut the folder into slices of at most `partition_pairs` members.

        A member is an image, or a caption that has no image. What is in a `known` slice stays there, gone or not; new
        members make new slices, `slice-00000` and so on.
        """
        return [
            spec for part, files in self.parts.items() for spec in self._cut(part, files, known, config.partition_pairs)
        ]

    def _cut(
        self, part: str, files: Sequence[SourceFile], known: Mapping[str, Sequence[str]], size: int
    ) -> list[PartitionSpec]:
        versions = {file.name: [file.name, file.size, file.version] for file in files}
        start = f"{path_component(part)}slice-"
        own = re.compile(rf"{re.escape(start)}\d+")
        assigned = [member for key, members in known.items() if own.fullmatch(key) for member in members]
        slices = member_slices(start, self._members(versions, assigned), known, size)
        pictured = {stem_of(name) for name in versions if is_image(name)}
        return [
            PartitionSpec(key, self.uri, self.format, self._identify(members, versions, pictured), tuple(members))
            for key, members in slices.items()
        ]

    def _members(self, names: Iterable[str], assigned: Sequence[str]) -> list[str]:
        """List the images, and the captions that never had one."""
        names = list(names)
        pictured = {stem_of(name) for name in (*names, *assigned) if is_image(name)}
        return [n for n in names if is_image(n) or (self.style.is_caption(n) and stem_of(n) not in pictured)]

    def _identify(self, members: Iterable[str], versions: Mapping[str, object], pictured: Set[str]) -> str:
        """Hash name, size and version of every file that the members are read from now."""
        own = [member for member in members if is_image(member) or stem_of(member) not in pictured]
        beside = {member: self.style.beside(member) if is_image(member) else [] for member in own}
        names = [name for member in own for name in (member, *beside[member])]
        return fingerprint([versions[name] for name in names if name in versions])


def is_image(name: str) -> bool:
    """Say whether a file name ends like a picture's."""
    return name.lower().endswith(_ENDINGS)


def stem_of(name: str) -> str:
    """Take its suffix from a name."""
    return str(PurePosixPath(name).with_suffix(""))


def _open(style: Style, listing: Listing, _: IngestConfig) -> Folder:
    parts = {part: files for part, files in listing.parts.items() if any(is_image(file.name) for file in files)}
    return Folder(listing.base, parts, listing.why, style, listing.missing_days)


def _read(style: Style, spec: PartitionSpec, config: IngestConfig) -> Iterator[ReadPair | Damage]:  # noqa: ARG001 - a folder needs no config
    """Read a slice's members in order, one pair each.

    The key is the relative name without its suffix, or with it where two of the slice's images share a stem. A file
    that is gone or that may not be read is absent from its pair. A caption that was without an image and has one
    now is left to the image's own slice.
    """
    stems = Counter(stem_of(member) for member in spec.members)
    for member in spec.members:
        key = storable(unescaped(stem_of(member) if stems[stem_of(member)] == 1 else member))
        if is_image(member):
            yield _image_pair(style, spec.uri, member, key)
        elif not any(_exists(child_uri(spec.uri, stem_of(member) + ending)) for ending in _ENDINGS):
            where, text = _caption(style, [child_uri(spec.uri, member)])
            yield ReadPair(SourcePair(key, None, where), None, text)


def _image_pair(style: Style, base: str, member: str, key: str) -> ReadPair:
    image = read_file(child_uri(base, member))
    where, text = _caption(style, [child_uri(base, stem_of(member) + ending) for ending in style.captions])
    said = read_file(child_uri(base, f"{stem_of(member)}.json")) if style.has_json else Content()
    fields = fields_of(said.data)
    if text is None and (text := caption_in(fields)) is not None:
        where = said.location
    pair = SourcePair(key, image.location, where, uid_in(fields))
    return ReadPair(pair, image.data, text, fields, image.sha256)


def _caption(style: Style, uris: Iterable[str]) -> tuple[Location | None, bytes | None]:
    contents = (read_file(uri) for uri in uris)
    found = next((content for content in contents if content.location is not None), Content())
    text = found.data
    if text is not None and style.first_line:
        text = re.split(rb"[\r\n]", text, maxsplit=1)[0]
    return (None, None) if text is None or found.location is None else (replace(found.location, size=len(text)), text)


def _exists(uri: str) -> bool:
    try:
        open_stream(uri).close()
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        return False
    return True


def _format(style: Style) -> Format:
    return Format(style.noun, is_image, partial(_open, style), partial(_read, style), is_beside=style.is_beside)


FOLDERS = {style.format: _format(style) for style in (KOHYA, FILES, PLAIN)}
