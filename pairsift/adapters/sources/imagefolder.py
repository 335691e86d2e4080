"""Hugging Face's imagefolder: `metadata.csv`, `.jsonl` or `.parquet` beside the images that its rows name."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from pairsift.adapters.sources.manifest import Manifest, read, tell_columns
from pairsift.adapters.sources.source import Format, Listing
from pairsift.config import IngestConfig
from pairsift.core.records import Damage, PartitionSpec, ReadPair
from pairsift.errors import SourceError

FORMAT = "imagefolder"
_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_PATH_SUFFIX = "file_name"
"""Datasets takes `file_name`, or else a column such as `image_file_name`."""


def is_metadata(name: str) -> bool:
    """Say whether a file is called as a folder's metadata are."""
    return PurePosixPath(name).name in _NAMES


def _open(listing: Listing, config: IngestConfig) -> Manifest:
    endings = sorted({PurePosixPath(file.name).suffix for file in listing.files})
    if len(endings) > 1:
        raise SourceError(f"{listing.base} has metadata in {' and '.join(endings)}: leave those of one kind")
    return Manifest(
        tuple(listing.files), tell_columns(listing, config, _PATH_SUFFIX), listing.missing_days, FORMAT, _PATH_SUFFIX
    )


def _read(spec: PartitionSpec, config: IngestConfig) -> Iterator[ReadPair | Damage]:
    return read(spec, config, _PATH_SUFFIX)


IMAGEFOLDER = Format("metadata file(s) of an imagefolder", is_metadata, _open, _read)
