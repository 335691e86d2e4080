"""A folder of image files, each with its caption in a `.txt` of the same stem beside it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from pairsift.adapters.sources.files import SourceFile, child_uri, open_stream, path_component, storable, unescaped
from pairsift.adapters.sources.webdataset import IMAGE_SUFFIXES
from pairsift.config import IngestConfig
from pairsift.core.fingerprint import fingerprint
from pairsift.core.records import Damage, Location, PartitionSpec, ReadPair, SourcePair

FORMAT = "folder"
_SLICE = "slice-"
_ENDINGS = tuple(ending for suffix in IMAGE_SUFFIXES for ending in (f".{suffix}", f".{suffix.upper()}"))


@dataclass(frozen=True, slots=True)
class Folder:
    """Image and caption files below one folder, each list sorted by relative name.

    `parts` are the files that share slices, by what the names of these begin with: those of a day, if it has days.
    """

    uri: str
    parts: Mapping[str, Sequence[SourceFile]]
    why: str
    missing_days: tuple[date, ...] = ()
    format: str = FORMAT

    def partitions(self, known: Mapping[str, Sequence[str]], config: IngestConfig) -> list[PartitionSpec]:
        """Cut the folder into slices of at most `partition_pairs` members.

        A member is an image, or a caption that has no image. What is in a `known` slice stays there, gone or not; new
        members make new slices, `slice-00000` and so on.
        """
        return [
            spec
            for part, files in self.parts.items()
            for spec in _cut(self.uri, f"{path_component(part)}{_SLICE}", files, known, config.partition_pairs)
        ]

    def read(self, spec: PartitionSpec) -> Iterator[ReadPair | Damage]:
        """Read one slice; see `read`."""
        return read(spec)


def _cut(
    uri: str, start: str, files: Sequence[SourceFile], known: Mapping[str, Sequence[str]], size: int
) -> list[PartitionSpec]:
    of_part = re.compile(rf"{re.escape(start)}\d+")
    slices: dict[str, Sequence[str]] = {key: members for key, members in known.items() if of_part.fullmatch(key)}
    versions = {file.name: [file.name, file.size, file.version] for file in files}
    new = _new_members(versions, [member for members in slices.values() for member in members])
    first = 1 + max((int(key.removeprefix(start)) for key in slices), default=-1)
    slices.update(_slices(start, new, size, first))
    pictured = {_stem(name) for name in versions if is_image(name)}
    return [
        PartitionSpec(key, uri, FORMAT, _identify(slices[key], versions, pictured), tuple(slices[key]))
        for key in sorted(slices)
    ]


def is_image(name: str) -> bool:
    """Say whether a file name ends like a picture's."""
    return name.lower().endswith(_ENDINGS)


def is_caption(name: str) -> bool:
    """Say whether a file name ends like a caption's."""
    return name.lower().endswith(".txt")


def _new_members(names: Iterable[str], assigned: Sequence[str]) -> list[str]:
    """List the images, and the captions that never had one, that are in no slice yet."""
    names = list(names)
    pictured = {_stem(name) for name in (*names, *assigned) if is_image(name)}
    members = [name for name in names if is_image(name) or (is_caption(name) and _stem(name) not in pictured)]
    known = set(assigned)
    return [member for member in members if member not in known]


def _identify(members: Iterable[str], versions: Mapping[str, object], pictured: Set[str]) -> str:
    """Hash name, size and version of every file that the members are read from now."""
    own = [member for member in members if is_image(member) or _stem(member) not in pictured]
    names = [name for member in own for name in (member, *_caption_names(member))]
    return fingerprint([versions[name] for name in names if name in versions])


def _slices(start: str, members: Sequence[str], size: int, first: int) -> dict[str, tuple[str, ...]]:
    cuts = range(0, len(members), size)
    return {f"{start}{first + n:05d}": tuple(members[cut : cut + size]) for n, cut in enumerate(cuts)}


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _caption_names(member: str) -> list[str]:
    return [f"{_stem(member)}.txt", f"{_stem(member)}.TXT"] if is_image(member) else []


def read(spec: PartitionSpec) -> Iterator[ReadPair | Damage]:
    """Read a slice's members in order, one pair each.

    The key is the relative name without its suffix, or with it where two of the slice's images share a stem. A file
    that is gone or that may not be read is absent from its pair. A caption that was without an image and has one
    now is left to the image's own slice.
    """
    stems = Counter(_stem(member) for member in spec.members)
    for member in spec.members:
        key = storable(unescaped(_stem(member) if stems[_stem(member)] == 1 else member))
        if is_image(member):
            yield _image_pair(spec.uri, member, key)
        elif not any(_exists(child_uri(spec.uri, _stem(member) + ending)) for ending in _ENDINGS):
            caption, text = _read_file(child_uri(spec.uri, member))
            yield ReadPair(SourcePair(key, None, caption), None, text)


def _image_pair(base: str, member: str, key: str) -> ReadPair:
    image, data = _read_file(child_uri(base, member))
    found = (_read_file(child_uri(base, name)) for name in _caption_names(member))
    caption, text = next(((location, text) for location, text in found if location is not None), (None, None))
    return ReadPair(SourcePair(key, image, caption), data, text)


def _read_file(uri: str) -> tuple[Location | None, bytes | None]:
    try:
        with open_stream(uri) as stream:
            data = stream.read()
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        return None, None
    return Location(uri, 0, len(data)), data


def _exists(uri: str) -> bool:
    try:
        open_stream(uri).close()
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        return False
    return True
