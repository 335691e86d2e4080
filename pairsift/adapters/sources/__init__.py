"""Readers: where pairs come from."""

from pairsift.adapters.sources.catalog import READERS, Source, identify_now, open_source, pairs_of, read_partition
from pairsift.adapters.sources.files import local_path, read_bytes, read_image

__all__ = [
    "READERS",
    "Source",
    "identify_now",
    "local_path",
    "open_source",
    "pairs_of",
    "read_bytes",
    "read_image",
    "read_partition",
]
