"""Picture files built byte by byte, which no encoder would write."""

import io
import struct
import zlib
from collections.abc import Iterable, Sequence

TiffTag = tuple[int, int, int, int]
"""Number, type, count, value or offset."""


def tiff(tags: Sequence[TiffTag], rest: bytes = b"") -> bytes:
    """Write a little-endian TIFF of one directory; `rest` follows it, at `tiff_head(len(tags))`."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + rest


def tiff_head(tags: int) -> int:
    """Tell where the rest of a TIFF begins."""
    return 8 + 2 + 12 * tags + 4


def tiff_of_tiles(side: int) -> bytes:
    """Write a grey square of which every pixel is a tile of its own: 8 bytes and 10 µs of Python a pixel."""
    pixels, head = side * side, tiff_head(10)
    tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    tags += [(322, 4, 1, 1), (323, 4, 1, 1), (324, 4, pixels, head), (325, 4, pixels, head + 4 * pixels)]
    offsets = struct.pack("<I", head + 8 * pixels) * pixels
    return tiff(tags, offsets + struct.pack("<I", 1) * pixels + b"\x80")


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Write a chunk of a PNG with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(header: tuple[int, int, int, int], data: bytes, extra: Iterable[bytes] = ()) -> bytes:
    """Write a PNG of width, height, depth and colour type, its data compressed already; `extra` chunks come first."""
    chunks = [png_chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0)), *extra, png_chunk(b"IDAT", data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


def flat_png(side: int) -> bytes:
    """Write a black square of RGB: 143 kB for 7,000 pixels a side, which are 147 MB."""
    compressor = zlib.compressobj(9)
    rows = b"".join(compressor.compress(bytes(1 + 3 * side)) for _ in range(side))
    return png((side, side, 8, 2), rows + compressor.flush())


def tiny_png() -> bytes:
    """Write a picture of one grey pixel."""
    return png((1, 1, 8, 0), zlib.compress(b"\0\x80"))


def patched(data: bytes, place: int, new: bytes) -> bytes:
    """Write new bytes over those at a place."""
    return data[:place] + new + data[place + len(new) :]


def flipped(data: bytes, place: int) -> bytes:
    """Turn over one bit."""
    broken = bytearray(data)
    broken[place] ^= 1
    return bytes(broken)


def without(jpeg: bytes, marker: bytes) -> bytes:
    """Leave out all segments of one marker, before the first scan."""
    place, kept = 2, io.BytesIO()
    kept.write(jpeg[:2])
    while jpeg[place : place + 2] != b"\xff\xda":
        end = place + 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
        kept.write(b"" if jpeg[place : place + 2] == marker else jpeg[place:end])
        place = end
    return kept.getvalue() + jpeg[place:]


def with_segment(jpeg: bytes, marker: int, body: bytes, times: int = 1) -> bytes:
    """Put a segment behind the first marker."""
    segment = struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
    return jpeg[:2] + segment * times + jpeg[2:]
