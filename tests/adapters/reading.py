"""Sources read whole, for the tests of readers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pairsift.adapters.sources import open_source, read_bytes, read_partition
from pairsift.config import IngestConfig, SourceFormat
from pairsift.core.records import Damage, PartitionSpec, ReadPair

DEFAULT = IngestConfig()


def specs_of(
    source: Path | str,
    config: IngestConfig = DEFAULT,
    known: Mapping[str, Sequence[str]] | None = None,
    source_format: SourceFormat = "auto",
) -> list[PartitionSpec]:
    """List a source's partitions."""
    return open_source(str(source), source_format, config=config).partitions(known or {}, config)


def read_all(
    source: Path | str, config: IngestConfig = DEFAULT, source_format: SourceFormat = "auto"
) -> tuple[list[ReadPair], list[Damage]]:
    """Read all partitions of a source."""
    items = [
        item for spec in specs_of(source, config, source_format=source_format) for item in read_partition(spec, config)
    ]
    return [item for item in items if isinstance(item, ReadPair)], [item for item in items if isinstance(item, Damage)]


def facts(pairs: Sequence[ReadPair]) -> list[tuple[str, bytes | None, bytes | None]]:
    """Tell key, image and caption of pairs."""
    return [(item.pair.key, item.image, item.caption) for item in pairs]


def images_again(pairs: Sequence[ReadPair]) -> list[bytes | None]:
    """Read the images of pairs again, by their locations."""
    return [None if item.pair.image is None else read_bytes(item.pair.image) for item in pairs]
