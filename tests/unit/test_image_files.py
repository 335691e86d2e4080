import zlib

import numpy as np
import pytest
from PIL import Image

from pairsift.core.image_files import find_damage, image_format
from pairsift.core.records import Reason
from tests.unit.pictures import encoded, gradient, scene


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_tells_the_formats_we_read(file_format: str):
    assert image_format(encoded(gradient(), file_format)) == file_format


@pytest.mark.parametrize("data", [b"", b"x", b"RIFF", b"%PDF-1.4", b"<svg xmlns='x'/>", b"\0\0\0\x18ftypheic"])
def test_tells_no_format_of_anything_else(data: bytes):
    assert image_format(data) is None


@pytest.mark.parametrize("before", [b"", b"\0"], ids=["odd places", "even places"])
@pytest.mark.parametrize("scan", [b"\xff\xda", b"\xff\xda\0"], ids=["one after the other", "apart"])
@pytest.mark.parametrize(("scans", "damage"), [(200, None), (201, Reason.IMAGE_CORRUPT)])
def test_a_jpeg_may_have_200_scans(before: bytes, scan: bytes, scans: int, damage: Reason | None):
    assert find_damage(b"\xff\xd8\xff" + before + scan * scans, "JPEG") is damage


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (64, 48)])
def test_finds_no_damage_in_a_whole_png(mode: str, size: tuple[int, int]):
    assert find_damage(encoded(Image.new(mode, size), "PNG"), "PNG") is None


@pytest.mark.parametrize("offset", [8 + 8 + 13, -12 - 1], ids=["IHDR", "IDAT"])
def test_finds_a_wrong_checksum_in_a_png(offset: int):
    data = bytearray(encoded(scene(0, 64, 48), "PNG"))
    data[offset] ^= 1  # in the checksum itself: the data are whole

    assert find_damage(bytes(data), "PNG") is Reason.IMAGE_CORRUPT


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def png(size: tuple[int, int], rows: bytes, *, interlaced: bool = False) -> bytes:
    header = size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big") + bytes([8, 0, 0, 0, interlaced])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("rows", "damage"), [(6, None), (5, Reason.IMAGE_CORRUPT)])
def test_a_png_must_have_all_its_rows(rows: int, damage: Reason | None):
    assert find_damage(png((4, 6), bytes(5) * rows), "PNG") is damage


@pytest.mark.parametrize(("size", "needed"), [((1, 1), 2), ((8, 8), 64 + 15), ((5, 3), 15 + 7), ((4, 4), 16 + 7)])
def test_an_interlaced_png_must_have_all_its_passes(size: tuple[int, int], needed: int):
    # Filter bytes by hand: one a row of each pass that has columns.
    assert find_damage(png(size, bytes(needed), interlaced=True), "PNG") is None
    assert find_damage(png(size, bytes(needed - 1), interlaced=True), "PNG") is Reason.IMAGE_CORRUPT


def test_checks_a_large_png_piece_by_piece():
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200, 3), dtype=np.uint8)
    data = encoded(noise, "PNG", compress_level=1)

    assert find_damage(data, "PNG") is None


@pytest.mark.parametrize("end", [8, 20, 40, 60, -1, -12])
def test_a_png_cut_anywhere_is_damaged(end: int):
    assert find_damage(encoded(gradient(), "PNG")[:end], "PNG") is Reason.IMAGE_CORRUPT
