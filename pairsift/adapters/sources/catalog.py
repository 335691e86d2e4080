"""The one list of source formats, and how a URI becomes a source."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from pairsift.adapters.sources import coco, folder, imagefolder, manifest, parquet, webdataset
from pairsift.adapters.sources.files import SourceFile
from pairsift.adapters.sources.listing import Found, find, tell_days
from pairsift.adapters.sources.patterns import refuse_unknown_braces
from pairsift.adapters.sources.sniffing import sniff
from pairsift.adapters.sources.source import Format, Listing, Source, nothing
from pairsift.config import IngestConfig, SourceFormat
from pairsift.core.days import has_date, name_days
from pairsift.core.records import Damage, PartitionSpec, ReadPair
from pairsift.errors import SourceError

FORMATS: Mapping[str, Format] = {
    webdataset.FORMAT: webdataset.WEBDATASET,
    parquet.FORMAT: parquet.PARQUET,
    manifest.FORMAT: manifest.MANIFEST,
    coco.FORMAT: coco.COCO,
    imagefolder.FORMAT: imagefolder.IMAGEFOLDER,
    **folder.FOLDERS,
}
"""Every format; a new one is one module, one line here, and a line in `sniffing` if it is to be found by looking."""

_DEFAULT = IngestConfig()


def identify_now(spec: PartitionSpec, config: IngestConfig = _DEFAULT) -> str:
    """Identify a partition's input as it is now, which may have changed since it was listed."""
    identify = FORMATS[spec.format].identify
    return spec.input_fingerprint if identify is None else identify(spec, config)


def read_partition(spec: PartitionSpec, config: IngestConfig = _DEFAULT) -> Iterator[ReadPair | Damage]:
    """Read one partition by its spec alone, without listing its source again."""
    return FORMATS[spec.format].read(spec, config)


def pairs_of(spec: PartitionSpec, config: IngestConfig = _DEFAULT) -> Iterator[ReadPair]:
    """Read the pairs of one partition, whatever else of it is damaged."""
    return (found for found in read_partition(spec, config) if not isinstance(found, Damage))


def open_source(
    uri: str,
    format: SourceFormat = "auto",  # noqa: A002 - the word of the command line and the docs
    days: Sequence[date] = (),
    config: IngestConfig = _DEFAULT,
) -> Source:
    """Find a source's files and its format; SourceError says what is wrong, where, and what to do.

    `uri` is a file, a folder, a glob, a brace range `{00000..00003}.tar`, or `@` and a text file of such lines: a local
    path, `file://` or any URL that fsspec knows. With `{date}` in it, it names the files of all `days`.
    """
    found = find(uri, days)
    chosen = _choose(found, format, config)
    if chosen is None:
        raise _nothing(found, format, days)
    if FORMATS[chosen].is_beside is not nothing and not found.whole:
        raise SourceError(
            f"{found.uri} names image files, and what lies beside them belongs to them: give their folder"
        )
    return FORMATS[chosen].open(_listing(found, FORMATS[chosen]), config)


def _choose(found: Found, format: SourceFormat, config: IngestConfig) -> str | None:  # noqa: A002 - see open_source
    if format == "auto":
        return sniff(found.uri, found.files, config)
    return format if any(FORMATS[format].is_main(file.name) for file in found.files) else None


def _listing(found: Found, chosen: Format) -> Listing:
    """Take what is there in a format, and say of which days that is nothing, or not all."""
    there = {day: part for day, part in found.parts.items() if any(chosen.is_main(file.name) for file in part.files)}
    missing = [day for day, part in found.parts.items() if day is not None and (day not in there or part.absent)]
    parts: dict[str, list[SourceFile]] = {}
    for part in there.values():
        own = [file for file in part.files if chosen.is_main(file.name) or chosen.is_beside(file.name)]
        parts.setdefault(part.name, []).extend(own)
    days = [day for day in there if day is not None]
    told = tell_days(found, days, missing) if days else found.told
    number = len({file.name for part in there.values() for file in part.files if chosen.is_main(file.name)})
    return Listing(found.base, parts, f"{number} {chosen.noun} {told}", tuple(missing))


def _nothing(found: Found, format: SourceFormat, days: Sequence[date]) -> SourceError:  # noqa: A002 - see open_source
    """Say that nothing can be read; ConfigError for braces that name nothing."""
    known = "shards, tables or image files" if format == "auto" else FORMATS[format].noun
    if has_date(found.uri):
        refuse_unknown_braces(found.uri)
        return SourceError(f"{found.uri} names no {known} on {name_days(days)}: check the path, or wait for them")
    if found.uri.lower().endswith(".txt"):
        return SourceError(f"{found.uri} is no source; a list of sources is given as @{found.uri}")
    seen = f"{len(found.files)} file(s) seen" + (f", such as {found.files[0].uri}" if found.files else "")
    return SourceError(f"{found.uri} holds no {known} ({seen}): name a file or a folder of a known format")
