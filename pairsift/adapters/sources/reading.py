"""Read bytes again by their location: from a file, out of a compressed file, or out of a Parquet file's cell."""

import hashlib
import os
from dataclasses import replace

from pairsift.adapters.remote import read_range
from pairsift.adapters.sources.compressed import is_compressed, read_compressed
from pairsift.adapters.sources.files import CELL_MARK, local_path
from pairsift.adapters.sources.parquet_cells import read_cell
from pairsift.core.records import MOST_HELD_BYTES, IngestedPair, Location
from pairsift.errors import SourceChangedError


def read_bytes(location: Location) -> bytes:
    """Read exactly the bytes of a location: by one `pread` or range request, where they are not compressed.

    SourceChangedError where the file is gone or has become shorter since it was listed.
    """
    try:
        data = _read(location)
    except FileNotFoundError as error:
        raise SourceChangedError(f"{location.uri} is gone since it was read first: run again") from error
    if len(data) != location.size:
        raise SourceChangedError(
            f"{location.uri}: {len(data)} of {location.size} bytes at offset {location.offset}; "
            "the file became shorter since it was read first: run again"
        )
    return data


def read_image(pair: IngestedPair) -> bytes | None:
    """Read a pair's image again; SourceChangedError where it is not what was ingested.

    Of one of more than `MOST_HELD_BYTES` only so much is read, and one byte more, as shows it too large.
    """
    if pair.image is None:
        return None
    if pair.image.size > MOST_HELD_BYTES:
        return read_bytes(replace(pair.image, size=MOST_HELD_BYTES + 1))
    image = read_bytes(pair.image)
    if hashlib.sha256(image).hexdigest() != pair.image_sha256:
        raise SourceChangedError(
            f"{pair.image.uri}: the image of {pair.key!r} changed since it was read first: run again"
        )
    return image


def _read(location: Location) -> bytes:
    if CELL_MARK in location.uri:
        return read_cell(location)
    return read_compressed(location) if is_compressed(location.uri) else _read_range(location)


def _read_range(location: Location) -> bytes:
    path = local_path(location.uri)
    if path is None:
        return read_range(location.uri, location.offset, location.size)
    file = os.open(path, os.O_RDONLY)  # a third of what Path.open costs, and this is once a picture
    try:
        return os.pread(file, location.size, location.offset)
    finally:
        os.close(file)
