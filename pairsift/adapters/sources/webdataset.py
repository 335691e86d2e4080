"""WebDataset shards: tars in which consecutive members of one key are a pair."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import BinaryIO

from pairsift.adapters.sources.compressed import is_compressed, open_decompressed, tar_stem
from pairsift.adapters.sources.counts import compare, expected_pairs
from pairsift.adapters.sources.files import SourceFile, look_at, open_stream, path_component, storable
from pairsift.adapters.sources.sample_json import caption_in, fields_of, uid_in
from pairsift.adapters.sources.source import Format, Listing, refuse_twins
from pairsift.adapters.sources.tar import Member, read_members
from pairsift.config import IngestConfig
from pairsift.core.fingerprint import fingerprint
from pairsift.core.records import Damage, Location, PartitionSpec, ReadPair, SourcePair
from pairsift.errors import ContainerDamagedError, SourceChangedError

FORMAT = "webdataset"
IMAGE_SUFFIXES = ("jpg", "png", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "avif")
"""A sample's picture is the first of these it has: open_clip's `jpg;png;jpeg;webp`, and then the rest."""

# The rule of WebDataset's tariterators.py: key and field part at the first dot of the base name.
_KEY_AND_SUFFIX = re.compile(r"((?:.*/|)[^.]+)[.]([^/]*)", re.DOTALL)
_WANTED = {*IMAGE_SUFFIXES, "txt", "json"}


@dataclass(frozen=True, slots=True)
class Sample:
    """Members of one key by suffix; `is_cut` if more of them may have followed and are lost."""

    key: str
    members: dict[str, Member]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class WebDataset:
    """Shards of one data set; each is a partition."""

    shards: tuple[SourceFile, ...]
    why: str
    missing_days: tuple[date, ...] = ()
    format: str = FORMAT

    def partitions(self, known: Mapping[str, Sequence[str]], config: IngestConfig) -> list[PartitionSpec]:  # noqa: ARG002 - shards need neither
        """Make one partition of every shard; its key is the shard's path below the source's base, without `.tar`."""
        return refuse_twins([_spec(shard) for shard in self.shards])


def _spec(shard: SourceFile) -> PartitionSpec:
    key = path_component(tar_stem(shard.name))
    return PartitionSpec(key, shard.uri, FORMAT, _identify(key, shard))


def _identify(key: str, shard: SourceFile) -> str:
    return fingerprint([[key, shard.size, shard.version]])


def identify_now(spec: PartitionSpec, config: IngestConfig) -> str:  # noqa: ARG001 - see read
    """Identify a shard as it is now; as it was listed where it is gone, which reading it will tell."""
    shard = look_at(spec.uri)
    return spec.input_fingerprint if shard is None else _identify(spec.key, shard)


def is_shard(name: str) -> bool:
    """Say whether a file name ends like a shard's, compressed or not."""
    return name.lower().endswith(".tar") or is_compressed(name)


def read(spec: PartitionSpec, config: IngestConfig) -> Iterator[ReadPair | Damage]:  # noqa: ARG001 - a shard needs no config
    """Read a shard once, front to back; a damage, if there is one, comes last and ends the reading.

    A sample with neither picture nor caption is not a pair. The pairs that are counted beside the shard (see `counts`),
    and that are not there, are lost. ContainerDamagedError where no pair is readable, SourceChangedError where the
    shard is gone.
    """
    keys: list[str] = []
    damage = None
    with _open_shard(spec.uri) as (stream, fault):
        for sample in _samples(read_members(stream, _is_wanted)):
            if isinstance(sample, Damage):
                damage = sample if fault is None else replace(sample, message=f"{fault}; {sample.message}")
            elif (pair := _pair(spec.uri, sample)) is not None:
                keys.append(pair.pair.key)
                yield pair
    if fault is not None and damage is None:  # such as a checksum at the very end
        damage = Damage(fault, 0, lost_pairs=0)
    found = compare(expected_pairs(spec.uri), keys, damage)
    if found and not keys:
        raise ContainerDamagedError(f"{spec.uri}: no pair is readable: {found[0].message} (at byte {found[0].offset})")
    yield from found


@contextmanager
def _open_shard(uri: str) -> Iterator[tuple[BinaryIO, str | None]]:
    try:
        with ExitStack() as opened:
            if is_compressed(uri):
                shard = opened.enter_context(open_decompressed(uri))
            else:
                shard = opened.enter_context(open_stream(uri)), None
            kept = opened.pop_all()
    except FileNotFoundError as error:
        raise SourceChangedError(f"{uri} is gone since the source was listed: run again") from error
    with kept:
        yield shard


def _is_wanted(name: str) -> bool:
    parts = _split(name)
    return parts is not None and parts[1] in _WANTED


def _split(name: str) -> tuple[str, str] | None:
    """Part a member's name into key and lower-cased suffix; None for what WebDataset passes over."""
    base = name.rpartition("/")[2]
    parts = _KEY_AND_SUFFIX.fullmatch(name)
    if parts is None or (base.startswith("__") and base.endswith("__")):
        return None
    return parts[1], parts[2].lower()


def _samples(members: Iterable[Member | Damage]) -> Iterator[Sample | Damage]:
    """Group consecutive members of one key; a suffix that comes again starts a new sample, as in open_clip."""
    sample = Sample("", {})
    for member in members:
        if isinstance(member, Damage):
            yield replace(sample, is_cut=member.lost_pairs > 0)
            yield member
            return
        parts = _split(member.name)
        if parts is None:
            continue
        key, suffix = parts
        if key != sample.key or suffix in sample.members:
            yield sample
            sample = Sample(key, {})
        sample.members[suffix] = member
    yield sample


def _pair(uri: str, sample: Sample) -> ReadPair | None:
    image = next((sample.members[suffix] for suffix in IMAGE_SUFFIXES if suffix in sample.members), None)
    fields = fields_of(sample.members["json"].data) if "json" in sample.members else {}
    caption, text = _caption(sample, fields)
    is_partial = image is None or caption is None
    if (image is None and caption is None) or (is_partial and sample.is_cut):
        return None
    pair = SourcePair(
        key=storable(sample.key),
        image=_location(uri, image),
        caption=_location(uri, caption),
        source_uid=uid_in(fields),
    )
    data, sha256 = (None, None) if image is None else (image.data, image.sha256)
    return ReadPair(pair, data, text, fields, sha256)


def _caption(sample: Sample, fields: Mapping[str, object]) -> tuple[Member | None, bytes | None]:
    """Find the caption: the `.txt`, or else that of the `.json`."""
    if "txt" in sample.members:
        return sample.members["txt"], sample.members["txt"].data
    text = caption_in(fields)
    return (None, None) if text is None else (sample.members["json"], text)


def _location(uri: str, member: Member | None) -> Location | None:
    return None if member is None else Location(uri, member.offset, member.size)


def _open(listing: Listing, _: IngestConfig) -> WebDataset:
    return WebDataset(tuple(listing.files), listing.why, listing.missing_days)


WEBDATASET = Format("WebDataset shard(s)", is_shard, _open, read, identify_now)
