"""Hostile and odd pictures, each with the reason for which it must be quarantined, or None where it is measured."""

import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from pairsift.core.records import Reason
from tests.hostile.pictures import (
    flat_png,
    flipped,
    patched,
    png,
    png_chunk,
    tiff,
    tiff_head,
    tiff_of_tiles,
    tiny_png,
    with_segment,
    without,
)
from tests.unit.pictures import encoded, gradient, scene

MAX_IMAGE_BYTES = 500_000
"""Of the suite's config: a case beyond it need not weigh 50 MB."""

CORRUPT, UNKNOWN, PIXELS = Reason.IMAGE_CORRUPT, Reason.IMAGE_UNKNOWN_FORMAT, Reason.IMAGE_TOO_MANY_PIXELS

ImageCase = tuple[str, bytes | None, Reason | None]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


def image_cases() -> list[ImageCase]:
    """Make all cases; their names and their bytes differ."""
    groups = (_every_format, _no_pictures, _jpegs, _pngs, _gifs, _webps, _bmps, _tiffs, _odd_but_whole)
    return [case for group in groups for case in group()]


def _every_format() -> Iterator[ImageCase]:
    for number, name in enumerate(FORMATS):
        whole = encoded(scene(20 + number, 96, 72), name)
        kind = name.lower()
        yield f"{kind}-whole", whole, None
        yield f"{kind}-with-a-tail", whole + b"\0<script>alert(1)</script>" * 3, None
        for quarter in (1, 2, 3):
            yield f"{kind}-cut-at-{quarter}-quarters", whole[: len(whole) * quarter // 4], CORRUPT
        yield f"{kind}-first-64-bytes", whole[:64], CORRUPT
        zeros = None if name in {"WEBP", "BMP"} else CORRUPT  # they have no checksum: zeros, too, are a picture
        yield f"{kind}-zeros-behind-64-bytes", whole[:64] + bytes(len(whole) - 64), zeros
        noise = np.random.default_rng(number).bytes(len(whole) - 16)
        yield f"{kind}-noise-behind-16-bytes", whole[:16] + noise, PIXELS if name == "GIF" else CORRUPT


def _no_pictures() -> Iterator[ImageCase]:
    yield "absent", None, Reason.IMAGE_MISSING
    yield "empty", b"", Reason.IMAGE_EMPTY
    yield "too-large", tiny_png() + bytes(MAX_IMAGE_BYTES), Reason.IMAGE_FILE_TOO_LARGE
    foreign = {
        "one-byte": b"\xff",
        "zeros": bytes(4096),
        "html": b"<!doctype html><html><body>404 Not Found</body></html>",
        "xss": b"<script>alert('x')</script>",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "svg-of-entities": b'<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>',
        "pdf": b"%PDF-1.7\n1 0 obj",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file",
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(60),
        "mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(60),
        "jpeg-2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
        "jpeg-xl": b"\xff\x0a" + bytes(60),
        "photoshop": b"8BPS\0\1" + bytes(60),
        "icon": b"\0\0\1\0\1\0" + bytes(60),
        "gzip": b"\x1f\x8b\x08\0" + bytes(60),
        "zip": b"PK\3\4" + bytes(60),
        "elf": b"\x7fELF\2\1\1" + bytes(60),
        "python-pickle": b"\x80\x04\x95cos\nsystem\n",
        "wave": b"RIFF\x24\0\0\0WAVEfmt " + bytes(60),
        "ppm": encoded(gradient(8, 8), "PPM"),
        "base64": b"data:image/png;base64,iVBORw0KGgo=",
        "git-lfs-pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
        "png-as-text": tiny_png().replace(b"\r\n", b"\n"),
        "byte-order-mark-before-jpeg": b"\xef\xbb\xbf" + encoded(gradient(8, 8), "JPEG"),
    }
    yield from ((name, data, UNKNOWN) for name, data in foreign.items())
    for magic in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0+", b"RIFF\4\0\0\0WEBP"):
        yield f"nothing-behind-{magic.hex()}", magic, CORRUPT


def _jpegs() -> Iterator[ImageCase]:
    whole = encoded(scene(40, 96, 72), "JPEG")
    frame = whole.index(b"\xff\xc0")
    scan = whole.index(b"\xff\xda")
    yield "jpeg-half-and-an-end-marker", whole[: len(whole) // 2] + b"\xff\xd9", CORRUPT
    yield "jpeg-without-end-marker", whole[:-2], CORRUPT
    yield "jpeg-65535-square", patched(whole, frame + 5, b"\xff\xff\xff\xff"), PIXELS
    yield "jpeg-of-no-width", patched(whole, frame + 7, b"\0\0"), CORRUPT
    yield "jpeg-of-no-height", patched(whole, frame + 5, b"\0\0"), CORRUPT
    yield "jpeg-higher-than-its-data", patched(whole, frame + 5, struct.pack(">H", 720)), CORRUPT
    yield "jpeg-of-12-bits", patched(whole, frame + 4, b"\x0c"), CORRUPT
    yield "jpeg-of-five-components", patched(whole, frame + 9, b"\x05"), CORRUPT
    yield "jpeg-lossless-frame", patched(whole, frame + 1, b"\xc3"), CORRUPT
    yield "jpeg-hierarchical-frame", patched(whole, frame + 1, b"\xc5"), CORRUPT
    yield "jpeg-arithmetic-frame-of-huffman-data", patched(whole, frame + 1, b"\xc9"), CORRUPT
    yield "jpeg-without-quantisation", without(whole, b"\xff\xdb"), CORRUPT
    yield "jpeg-without-huffman-tables", without(whole, b"\xff\xc4"), None  # the standard's: motion JPEG does so
    yield "jpeg-segment-longer-than-the-file", patched(whole, 4, b"\xff\xff"), CORRUPT
    yield "jpeg-201-scans", whole[:scan] + whole[scan:-2] * 201 + b"\xff\xd9", CORRUPT
    yield "jpeg-marker-in-the-data", patched(whole, scan + 200, b"\xff\xd8\xff\xd8"), CORRUPT
    yield "jpeg-zeros-in-the-data", patched(whole, scan + 40, bytes(64)), None  # no checksum: no decoder can tell
    yield "jpeg-scan-of-an-unknown-component", patched(whole, scan + 5, b"\x09"), CORRUPT
    yield "jpeg-exif-without-end", with_segment(whole, 0xE1, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"), None
    yield "jpeg-exif-that-points-at-itself", with_segment(whole, 0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\x08\0\0\0"), None
    yield "jpeg-broken-colour-profile", with_segment(whole, 0xE2, b"ICC_PROFILE\0\x09\x01garbage"), CORRUPT
    yield "jpeg-xmp-bomb", with_segment(whole, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<a>" * 9000), None
    yield "jpeg-photoshop-block", with_segment(whole, 0xED, b"Photoshop 3.0\08BIM\4\4\0\0\xff\xff\xff\xff"), None
    yield "jpeg-comment-of-nul-and-escape", with_segment(whole, 0xFE, b"\0\x1b[2J\xe2\x80\xae"), None
    yield "jpeg-a-hundred-segments", with_segment(whole, 0xE5, b"x" * 4000, 100), None
    yield "jpeg-two-in-one-file", whole + encoded(gradient(), "JPEG"), None


def _pngs() -> Iterator[ImageCase]:
    size, rows = (16, 8, 8, 2), (b"\0" + bytes(range(48))) * 8
    data = zlib.compress(rows)
    whole = png(size, data)
    broken = bytearray(data)
    broken[-1] ^= 1
    yield "png-missing-rows", png(size, zlib.compress(rows[: 49 * 6])), CORRUPT
    yield "png-missing-a-byte", png(size, zlib.compress(rows[:-1])), CORRUPT
    yield "png-rows-to-spare", png(size, zlib.compress(rows * 2)), None
    yield "png-wrong-header-checksum", flipped(whole, 8 + 8 + 13), CORRUPT
    yield "png-wrong-data-checksum", flipped(whole, -13), CORRUPT
    yield (
        "png-wrong-checksum-of-a-note",
        flipped(png(size, data, [png_chunk(b"tEXt", b"a\0b")]), 8 + 25 + 8 + 3),
        CORRUPT,
    )
    yield "png-without-end", whole[:-12], CORRUPT
    yield "png-without-header", whole[:8] + whole[8 + 25 :], CORRUPT
    yield "png-without-data", whole[: 8 + 25] + whole[-12:], CORRUPT
    yield "png-end-before-data", whole[: 8 + 25] + whole[-12:] + whole[8 + 25 : -12], CORRUPT
    yield "png-unfinished-stream", png(size, data[:-8]), CORRUPT
    yield "png-stream-of-noise", png(size, np.random.default_rng(0).bytes(200)), CORRUPT
    yield "png-filter-9", png(size, zlib.compress(b"\x09" + rows[1:])), CORRUPT
    yield "png-of-no-width", png((0, 8, 8, 2), data), CORRUPT
    yield "png-of-2-to-the-31-pixels-a-side", png((2**31 - 1, 2**31 - 1, 8, 2), data), PIXELS
    yield "png-40000-square", png((40_000, 40_000, 1, 0), zlib.compress(bytes(10_000))), PIXELS
    yield "png-of-7-bits", png((16, 8, 7, 2), data), CORRUPT
    yield "png-of-colour-type-5", png((16, 8, 8, 5), data), CORRUPT
    yield "png-palette-picture-without-palette", png((48, 8, 8, 3), data), CORRUPT
    yield "png-palette-too-short", png((48, 8, 8, 3), data, [png_chunk(b"PLTE", b"\xff\0\0")]), None
    yield "png-transparency-too-long", png((48, 8, 8, 3), data, [_PALETTE, png_chunk(b"tRNS", bytes(300))]), CORRUPT
    yield "png-chunk-of-2-gigabytes", whole[:33] + struct.pack(">I4s", 2**31 - 1, b"IDAT") + whole[41:], CORRUPT
    yield "png-unknown-chunk", png(size, data, [png_chunk(b"ABCD", b"?")]), None  # Pillow goes on without it
    bomb = zlib.compress(bytes(20_000_000), 9)
    yield "png-profile-bomb", png(size, data, [png_chunk(b"iCCP", b"p\0\0" + bomb)]), CORRUPT
    yield "png-note-bomb", png(size, data, [png_chunk(b"zTXt", b"p\0\0" + bomb)]), CORRUPT
    yield "png-thousand-notes", png(size, data, [png_chunk(b"tEXt", b"k\0v")] * 1000), None
    yield "png-data-byte-by-byte", _split_data(size, data), None
    yield "png-flat-3000-square", flat_png(3000), None
    yield "png-wrong-checksum-of-the-stream", png(size, bytes(broken)), CORRUPT


_PALETTE = png_chunk(b"PLTE", bytes(range(256)) * 3)


def _split_data(size: tuple[int, int, int, int], data: bytes) -> bytes:
    pieces = [png_chunk(b"IDAT", data[place : place + 1]) for place in range(len(data) - 1)]
    return png(size, data[-1:], pieces)


def _gifs() -> Iterator[ImageCase]:
    whole = encoded(Image.fromarray(gradient(16, 16)).quantize(8), "GIF")
    yield "gif-65535-square", patched(whole, 6, b"\xff\xff\xff\xff"), PIXELS
    yield "gif-of-no-size", whole[:6] + bytes(4) + b"\0\0\0;", CORRUPT
    yield "gif-without-frame", whole[:13] + b";", CORRUPT
    yield "gif-that-is-a-script", b"GIF89a=1;/*" + bytes(30) + b"*/alert(1)//", CORRUPT
    yield "gif-codes-of-noise", whole[:-60] + np.random.default_rng(1).bytes(60), CORRUPT
    frames = [Image.new("RGB", (16, 16), (shade, 0, 0)) for shade in range(0, 250, 5)]
    small = patched(whole, whole.index(b"\x2c"), b"\x2c\0\0\0\0" + struct.pack("<HH", 16, 8))
    yield "gif-frame-smaller-than-its-canvas", small, None
    yield "gif-of-50-frames", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), None


def _webps() -> Iterator[ImageCase]:
    lossy, lossless = (encoded(scene(50, 64, 48), "WEBP", lossless=kind) for kind in (False, True))
    extended = b"VP8X" + struct.pack("<II", 10, 0) + (16_383).to_bytes(3, "little") * 2
    yield "webp-lossless", lossless, None
    yield "webp-riff-length-too-long", patched(lossy, 4, struct.pack("<I", 2**31)), CORRUPT
    yield "webp-riff-length-too-short", patched(lossy, 4, struct.pack("<I", 20)), CORRUPT
    yield "webp-empty-canvas-of-16384", b"RIFF" + struct.pack("<I", 4 + len(extended)) + b"WEBP" + extended, PIXELS
    yield "webp-flipped-bytes", patched(lossless, 40, bytes(64)), CORRUPT
    frames = [Image.fromarray(scene(seed, 32, 24)) for seed in range(3)]
    yield "webp-animated", encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]), None


def _bmps() -> Iterator[ImageCase]:
    whole = encoded(gradient(16, 8), "BMP")
    yield "bmp-65536-square", patched(whole, 18, struct.pack("<ii", 65_536, 65_536)), PIXELS
    yield "bmp-2-to-the-31-wide", patched(whole, 18, struct.pack("<i", 2**31 - 1)), PIXELS
    yield "bmp-of-no-width", patched(whole, 18, bytes(4)), CORRUPT
    yield "bmp-negative-width", patched(whole, 18, struct.pack("<i", -16)), PIXELS
    yield "bmp-upside-down", patched(whole, 22, struct.pack("<i", -8)), None
    yield "bmp-of-17-bits", patched(whole, 28, b"\x11"), CORRUPT
    yield "bmp-compressed-by-9", patched(whole, 30, b"\x09"), CORRUPT
    yield "bmp-data-behind-the-end", patched(whole, 10, struct.pack("<I", 2**31 - 1)), CORRUPT
    yield "bmp-header-of-7-bytes", patched(whole, 14, b"\x07"), CORRUPT


def _tiffs() -> Iterator[ImageCase]:
    head = tiff_head(9)
    grey = [(256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, head)]
    grey += [(277, 3, 1, 1), (278, 4, 1, 4), (279, 4, 1, 16)]
    data = bytes(range(0, 256, 16))

    def changed(tag: int, value: int, kind: int = 4) -> bytes:
        return tiff([(tag, kind, 1, value) if row[0] == tag else row for row in grey], data)

    yield "tiff-by-hand", tiff(grey, data), None
    yield "tiff-65535-square", tiff([(256, 4, 1, 65_535), (257, 4, 1, 65_535), *grey[2:]], data), PIXELS
    yield "tiff-of-no-width", changed(256, 0), CORRUPT
    yield "tiff-width-that-is-a-float", changed(256, 0x40800000, 11), CORRUPT
    yield "tiff-data-behind-the-end", changed(273, 10_000), CORRUPT
    yield "tiff-missing-strips", changed(257, 400), CORRUPT
    yield "tiff-missing-columns-of-tiles", tiff_of_tiles(2).replace(*_WIDER), CORRUPT
    yield "tiff-missing-compressed-strips", _short_strips(), CORRUPT
    yield "tiff-compressed-by-9999", changed(259, 9999, 3), CORRUPT
    yield "tiff-lzw-of-raw-data", changed(259, 5, 3), CORRUPT
    yield "tiff-of-99-bits", changed(258, 99, 3), CORRUPT
    yield "tiff-of-70000-samples", changed(277, 70_000), CORRUPT
    yield "tiff-photometric-77", changed(262, 77, 3), CORRUPT
    yield "tiff-directory-behind-the-end", b"II*\0\xff\xff\xff\x7f", CORRUPT
    yield "tiff-directory-in-its-own-head", b"II*\0\0\0\0\0" + bytes(64), CORRUPT
    yield "tiff-65535-entries", b"II*\0\x08\0\0\0\xff\xff" + bytes(600), CORRUPT
    yield (
        "tiff-tag-of-4-billion-values",
        tiff([*grey[:2], (258, 3, 2**32 - 1, 8), *grey[3:]], data),
        None,
    )  # passed over
    yield "tiff-of-2500-tiles", tiff_of_tiles(50), None
    yield "tiff-big-without-end", b"II+\0\x08\0\0\0" + b"\xff" * 8, CORRUPT
    yield "tiff-two-pages", _pages(), None


_WIDER = (struct.pack("<HHII", 256, 4, 1, 2), struct.pack("<HHII", 256, 4, 1, 200))


def _short_strips() -> bytes:
    """Take the strips of 48 rows for those of a picture of 96."""
    whole = encoded(scene(62, 64, 48), "TIFF", compression="tiff_lzw")
    return whole.replace(struct.pack("<HHII", 257, 3, 1, 48), struct.pack("<HHII", 257, 3, 1, 96))


def _pages() -> bytes:
    first, second = (Image.fromarray(scene(seed, 32, 24)) for seed in (60, 61))
    return encoded(first, "TIFF", save_all=True, append_images=[second])


def _odd_but_whole() -> Iterator[ImageCase]:
    picture = Image.fromarray(scene(70, 64, 48))
    exif = Image.Exif()
    exif[0x0112] = 6
    wrong = Image.Exif()
    wrong[0x0112] = 99
    make: dict[str, Callable[[], bytes]] = {
        "one-pixel": tiny_png,
        "one-row": lambda: encoded(scene(71, 2000, 1), "PNG"),
        "one-column": lambda: encoded(scene(72, 1, 2000), "PNG"),
        "turned-by-exif": lambda: encoded(picture, "JPEG", exif=exif),
        "turned-by-99": lambda: encoded(picture, "JPEG", exif=wrong),
        "progressive": lambda: encoded(picture, "JPEG", progressive=True),
        "jpeg-grey": lambda: encoded(picture.convert("L"), "JPEG"),
        "jpeg-cmyk": lambda: encoded(picture.convert("CMYK"), "JPEG"),
        "jpeg-2-to-1-chroma": lambda: encoded(picture, "JPEG", subsampling=2),
        "jpeg-quality-1": lambda: encoded(picture, "JPEG", quality=1),
        "png-grey-of-16-bits": lambda: encoded(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000, "PNG"),
        "png-of-1-bit": lambda: encoded(picture.convert("1"), "PNG"),
        "png-palette": lambda: encoded(picture.quantize(16), "PNG"),
        "png-all-transparent": lambda: encoded(Image.new("RGBA", (8, 8), (9, 9, 9, 0)), "PNG"),
        "png-grey-and-alpha": lambda: encoded(picture.convert("LA"), "PNG"),
        "png-with-a-colour-profile": lambda: encoded(picture, "PNG", icc_profile=b"no profile at all"),
        "png-animated": lambda: encoded(picture, "PNG", save_all=True, append_images=[picture.rotate(90)]),
        "tiff-float": lambda: encoded(np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8), "TIFF"),
        "tiff-float-nan": lambda: encoded(np.full((8, 8), np.nan, np.float32), "TIFF"),
        "tiff-cmyk": lambda: encoded(picture.convert("CMYK"), "TIFF"),
        "tiff-lab": lambda: encoded(picture.convert("LAB"), "TIFF"),
        "webp-transparent": lambda: encoded(picture.convert("RGBA"), "WEBP"),
    }
    yield from ((name, build(), None) for name, build in make.items())
