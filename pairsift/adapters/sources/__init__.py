"""Readers: where pairs come from. Every process that decodes pictures has them from here."""

from pairsift.adapters.silence import silence_decoders
from pairsift.adapters.sources.catalog import FORMATS, identify_now, open_source, pairs_of, read_partition
from pairsift.adapters.sources.files import local_path
from pairsift.adapters.sources.reading import read_bytes, read_image
from pairsift.adapters.sources.source import Format, Listing, Source

__all__ = [
    "FORMATS",
    "Format",
    "Listing",
    "Source",
    "identify_now",
    "local_path",
    "open_source",
    "pairs_of",
    "read_bytes",
    "read_image",
    "read_partition",
]

silence_decoders()  # before any thread decodes
