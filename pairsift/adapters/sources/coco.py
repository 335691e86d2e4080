"""COCO captions: one JSON of images and annotations; every annotation is a pair, and several may share an image."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from pairsift.adapters.sources.files import (
    Content,
    SourceFile,
    local_path,
    open_stream,
    path_component,
    read_file,
    storable,
)
from pairsift.adapters.sources.manifest import caption_bytes
from pairsift.adapters.sources.pictures import Pictures, folder_of
from pairsift.adapters.sources.slices import SLICE, each_file, file_of, member_slices, refuse_unlisted
from pairsift.adapters.sources.source import Format, Listing
from pairsift.config import IngestConfig
from pairsift.core.fingerprint import fingerprint
from pairsift.core.image_paths import RefusedPathError
from pairsift.core.records import Damage, Location, PartitionSpec, ReadPair, SourcePair
from pairsift.core.source_columns import name_of
from pairsift.errors import ContainerDamagedError, SourceError

FORMAT = "coco"
_SPLIT = re.compile(r"captions_(.+)\.json", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Coco:
    """COCO caption files of one data set."""

    files: tuple[SourceFile, ...]
    why: str
    missing_days: tuple[date, ...] = ()
    format: str = FORMAT

    def partitions(self, known: Mapping[str, Sequence[str]], config: IngestConfig) -> list[PartitionSpec]:
        """Cut the annotations into slices by their ids; those that come later make slices of their own."""
        return each_file(self.files, FORMAT, lambda file: _cut(file, known, config))


Pairs = Mapping[str, tuple[str | None, bytes | None]]
"""Image's file name and caption by annotation id; None for what is not there."""


def _cut(file: SourceFile, known: Mapping[str, Sequence[str]], config: IngestConfig) -> list[PartitionSpec]:
    name = f"{path_component(file.name)}{SLICE}"
    pairs = _annotations(file.uri, file.size, file.version)
    pictures = Pictures(_root(file.uri, config))
    slices = member_slices(name, pairs, known, config.partition_pairs)
    return [
        PartitionSpec(
            key, file.uri, FORMAT, fingerprint([_state(pairs, each, pictures) for each in members]), tuple(members)
        )
        for key, members in slices.items()
    ]


def _state(pairs: Pairs, annotation: str, pictures: Pictures) -> list[str | None]:
    if annotation not in pairs:
        return [annotation]
    name, caption = pairs[annotation]
    found = _find(name, pictures)
    version = pictures.version(found) if isinstance(found, str) else None
    return [annotation, None if name is None else storable(name), None if caption is None else caption.hex(), version]


def is_json(name: str) -> bool:
    """Say whether a file name ends like that of a JSON file."""
    return name.lower().endswith(".json")


def read(spec: PartitionSpec, config: IngestConfig) -> Iterator[ReadPair | Damage]:
    """Read a slice's annotations in order, one pair each; those that are gone are absent.

    SourceChangedError where the file is gone, ContainerDamagedError where it can no longer be read.
    """
    file = file_of(spec)
    try:
        pairs = _annotations(file.uri, file.size, file.version)
    except SourceError as error:
        raise ContainerDamagedError(str(error)) from error
    refuse_unlisted(spec)
    pictures = Pictures(_root(file.uri, config))
    for annotation in spec.members:
        if annotation in pairs:
            yield _read_pair(annotation, pairs[annotation], file, pictures)


def _read_pair(
    annotation: str, said: tuple[str | None, bytes | None], file: SourceFile, pictures: Pictures
) -> ReadPair | Damage:
    name, caption = said
    found = _find(name, pictures)
    if isinstance(found, Damage):
        return found
    image = Content() if found is None else read_file(found)
    where = None if caption is None else Location(file.uri, 0, file.size)
    pair = SourcePair(annotation, image.location, where, annotation)
    return ReadPair(pair, image.data, caption, image_sha256=image.sha256)


def _find(name: str | None, pictures: Pictures) -> str | Damage | None:
    try:
        return None if not name else pictures.find(name)
    except RefusedPathError as error:
        return Damage(f"an annotation was refused: {error}", 0)


def _root(uri: str, config: IngestConfig) -> str:
    """Name the folder of the images: that of the file, or in COCO's own layout the split's beside `annotations/`."""
    if config.image_root is not None:
        return config.image_root
    folder = folder_of(uri)
    split = _SPLIT.fullmatch(uri.rpartition("/")[2])
    path = local_path(folder)
    if split and path is not None and path.name == "annotations" and (path.parent / split[1]).is_dir():
        return str(path.parent / split[1])
    return folder


@lru_cache(maxsize=1)
def _annotations(uri: str, size: int, version: str) -> Pairs:  # noqa: ARG001 - another size or version is another file
    """Read a COCO file whole; it is kept for the next slice."""
    said = load_json(uri)
    if not looks_like_coco(said):
        raise SourceError(f"{uri} is no COCO captions file: it should be an object with lists images and annotations")
    names = {
        name_of(image.get("id")): name_of(image.get("file_name")) for image in said["images"] if isinstance(image, dict)
    }
    names.pop(None, None)  # an image without id is nobody's
    pairs: dict[str, tuple[str | None, bytes | None]] = {}
    for place, annotation in enumerate(said["annotations"]):
        about = annotation if isinstance(annotation, dict) else {}
        own = storable(name_of(about.get("id")) or f"annotation {place}")
        unique = own if own not in pairs else f"{own} ({place})"
        pairs[unique] = names.get(name_of(about.get("image_id"))), caption_bytes(about.get("caption"))
    return pairs


def load_json(uri: str) -> Any:  # noqa: ANN401 - whatever a file says
    """Read a JSON file; SourceError where it is none."""
    try:
        with open_stream(uri) as stream:
            return json.load(stream)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{uri} is not JSON: {error!s:.200}") from error


def looks_like_coco(said: object) -> bool:
    """Say whether a JSON value has the lists of a COCO file."""
    return isinstance(said, dict) and all(isinstance(said.get(name), list) for name in ("images", "annotations"))


def _open(listing: Listing, _: IngestConfig) -> Coco:
    return Coco(tuple(listing.files), listing.why, listing.missing_days)


COCO = Format("COCO captions file(s)", is_json, _open, read)
