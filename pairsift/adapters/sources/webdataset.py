"""WebDataset shards: tars in which consecutive members of one key are a pair."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import BinaryIO

from pairsift.adapters.sources.files import SourceFile, look_at, open_stream, path_component, storable
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
        return [_spec(shard) for shard in self.shards]

    def read(self, spec: PartitionSpec) -> Iterator[ReadPair | Damage]:
        """Read one shard; see `read`."""
        return read(spec)


def _spec(shard: SourceFile) -> PartitionSpec:
    key = path_component(shard.name.removesuffix(".tar"))
    return PartitionSpec(key, shard.uri, FORMAT, _identify(key, shard))


def _identify(key: str, shard: SourceFile) -> str:
    return fingerprint([[key, shard.size, shard.version]])


def identify_now(spec: PartitionSpec) -> str:
    """Identify a shard as it is now; as it was listed where it is gone, which reading it will tell."""
    shard = look_at(spec.uri)
    return spec.input_fingerprint if shard is None else _identify(spec.key, shard)


def read(spec: PartitionSpec) -> Iterator[ReadPair | Damage]:
    """Read a shard once, front to back; a damage, if there is one, comes last and ends the reading.

    A sample with neither picture nor caption is not a pair. The pairs that img2dataset's `_stats.json` beside the
    shard counts, and that are not there, are lost. ContainerDamagedError where no pair is readable, SourceChangedError
    where the shard is gone.
    """
    pairs = 0
    damage = None
    with _open_shard(spec.uri) as stream:
        for sample in _samples(read_members(stream, _is_wanted)):
            if isinstance(sample, Damage):
                damage = sample
            elif (pair := _pair(spec.uri, sample)) is not None:
                pairs += 1
                yield pair
    damage = _count_lost(spec.uri, pairs, damage)
    if damage is not None and pairs == 0:
        raise ContainerDamagedError(f"{spec.uri}: no pair is readable: {damage.message} (at byte {damage.offset})")
    if damage is not None:
        yield damage


def _open_shard(uri: str) -> BinaryIO:
    try:
        return open_stream(uri)
    except FileNotFoundError as error:
        raise SourceChangedError(f"{uri} is gone since the source was listed: run again") from error


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
    fields = _json_fields(sample.members.get("json"))
    caption, text = _caption(sample, fields)
    is_partial = image is None or caption is None
    if (image is None and caption is None) or (is_partial and sample.is_cut):
        return None
    uid = fields.get("uid")
    pair = SourcePair(
        key=storable(sample.key),
        image=_location(uri, image),
        caption=_location(uri, caption),
        source_uid=storable(uid) if isinstance(uid, str) and uid else None,
    )
    return ReadPair(pair, None if image is None else image.data, text, fields)


def _caption(sample: Sample, fields: Mapping[str, object]) -> tuple[Member | None, bytes | None]:
    """Find the caption: the `.txt`, or else `caption` or `text` of the `.json`."""
    if "txt" in sample.members:
        return sample.members["txt"], sample.members["txt"].data
    for name in ("caption", "text"):
        text = fields.get(name)
        if isinstance(text, str):
            return sample.members["json"], text.encode(errors="surrogatepass")
    return None, None


def _json_fields(member: Member | None) -> dict[str, object]:
    try:
        fields = json.loads(member.data or b"") if member is not None else {}
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _location(uri: str, member: Member | None) -> Location | None:
    return None if member is None else Location(uri, member.offset, member.size)


def _count_lost(uri: str, pairs: int, damage: Damage | None) -> Damage | None:
    """Count what a damage cost by img2dataset's own count of the shard's pairs, where there is one."""
    expected = _expected_pairs(uri)
    if expected is None:
        return damage
    if damage is not None:
        return replace(damage, lost_pairs=max(expected - pairs, 0))
    if expected > pairs:
        message = f"the shard ends whole with {pairs} pairs, but its _stats.json counts {expected}"
        return Damage(message, 0, expected - pairs)
    return None


def _expected_pairs(uri: str) -> int | None:
    try:
        with open_stream(f"{uri[:-4]}_stats.json") as stream:
            successes = json.load(stream)["successes"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return successes if isinstance(successes, int) else None
