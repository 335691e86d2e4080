"""Small pictures of stored pairs, read again from their source."""

from collections.abc import Mapping
from typing import Any

from pairsift.adapters.sources import read_image
from pairsift.config import PreprocessConfig
from pairsift.core.records import IngestedPair, Location, Reason
from pairsift.core.thumbnails import CARD, Size, make_thumbnail
from pairsift.errors import SourceChangedError, SourceError, StorageDeniedError, StorageError


def picture_of(row: Mapping[str, Any], size: Size = CARD) -> bytes | str:
    """Make a small picture of a pair's image; in words why there is none, where it cannot be had or decoded."""
    if row["source_uri"] is None:
        return str(Reason.IMAGE_MISSING)
    if row["image_width"] is None:
        return str(row["reason"])  # what could not be decoded may end a process that tries, and this one is not limited
    place = Location(row["source_uri"], row["byte_offset"], row["byte_size"])
    pair = IngestedPair(0, row["uid"], row["key"], place, row["image_sha256"], None)
    try:
        made = make_thumbnail(read_image(pair), PreprocessConfig(), size)
    except SourceChangedError:
        return "not in the source any more"
    except (SourceError, StorageDeniedError, StorageError, OSError):
        return "the source cannot be read now"
    return str(made) if isinstance(made, Reason) else made
