import io
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pairsift.config import EnhanceConfig, PreprocessConfig
from pairsift.core.images import decode_image, enhance, resize
from pairsift.core.records import Reason
from tests.unit.pictures import encoded, gradient, scene

CONFIG = PreprocessConfig()
RED, BLUE = (255, 0, 0), (0, 0, 255)


def decoded(data: bytes) -> NDArray[np.uint8]:
    pixels = decode_image(data, CONFIG)
    assert not isinstance(pixels, Reason), pixels
    return pixels


def rotated(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_decodes_lossless_formats_exactly(file_format: str):
    pixels = decoded(encoded(gradient(), file_format))

    assert pixels.dtype == np.uint8
    assert (pixels == gradient()).all()


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_red_is_red_and_never_blue(file_format: str):
    pixels = decoded(encoded(Image.new("RGB", (32, 16), RED), file_format))

    assert pixels.shape == (16, 32, 3)
    assert np.abs(pixels.astype(int) - RED).max() <= 4


@pytest.mark.parametrize("mode", ["L", "CMYK", "1", "P"])
def test_every_mode_becomes_rgb(mode: str):
    white = decoded(encoded(Image.new("RGB", (8, 8), "white").convert(mode), "TIFF"))

    assert white.shape == (8, 8, 3)
    assert white.min() == 255


def test_a_cmyk_jpeg_keeps_its_colours():
    pixels = decoded(encoded(Image.new("RGB", (32, 32), RED).convert("CMYK"), "JPEG"))

    assert np.abs(pixels.astype(int) - RED).max() <= 4


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_the_picture_as_its_exif_says(file_format: str, orientation: int):
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(gradient(), file_format, exif=rotated(orientation), **options)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))

    pixels = decoded(data)

    assert pixels.shape == upright.shape
    assert np.abs(pixels.astype(int) - upright).max() <= 4
    assert pixels.flags.c_contiguous


@pytest.mark.filterwarnings("ignore::UserWarning")  # as in production: Pillow warns of odd tags
def test_a_damaged_exif_block_costs_nothing():
    data = encoded(scene(0, 32, 32), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff garbage")

    assert decoded(data).shape == (32, 32, 3)


def transparent(mode: str) -> Image.Image:
    return Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)


@pytest.mark.parametrize(
    "data",
    [
        encoded(transparent("RGBA"), "PNG"),
        encoded(transparent("LA"), "PNG"),
        encoded(Image.new("P", (8, 8), 0), "PNG", transparency=0),
        encoded(Image.new("P", (8, 8), 0), "PNG", transparency=b"\0\xff"),
        encoded(Image.new("L", (8, 8), 7), "PNG", transparency=7),
        encoded(Image.new("RGB", (8, 8), RED), "PNG", transparency=RED),
        encoded(Image.new("P", (8, 8), 0), "GIF", transparency=0),
        encoded(transparent("RGBA"), "WEBP", lossless=True),
        encoded(transparent("RGBA"), "TIFF"),
    ],
    ids=["RGBA", "LA", "index", "alpha palette", "grey key", "colour key", "GIF", "WEBP", "TIFF"],
)
def test_what_is_transparent_shows_white(data: bytes):
    assert decoded(data).min() == 255


def test_half_transparent_is_half_white():
    assert decoded(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 128)), "PNG"))[0, 0].tolist() == [127] * 3


def test_reads_the_first_frame_of_an_animation():
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]

    assert decoded(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))[0, 0].tolist() == list(RED)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_scales_16_bit_grey_by_its_real_depth(file_format: str):
    grey = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)

    assert decoded(encoded(grey, file_format))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_scales_12_bit_grey_by_its_real_depth():
    # Two 12-bit pixels, 0 and 4095, in 3 bytes; Pillow reads such TIFFs but writes none.
    tags = [
        (256, 3, 2),
        (257, 3, 1),
        (258, 3, 12),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 122),
        (277, 3, 1),
        (278, 3, 1),
        (279, 4, 3),
    ]
    entries = b"".join(
        tag.to_bytes(2, "little") + kind.to_bytes(2, "little") + (1).to_bytes(4, "little") + value.to_bytes(4, "little")
        for tag, kind, value in tags
    )
    data = b"II*\0\x08\0\0\0" + len(tags).to_bytes(2, "little") + entries + bytes(4) + b"\x00\x0f\xff"

    assert decoded(data)[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("values", [np.array([[0.5, 1, 1.5]], np.float32), np.array([[-10, 0, 10]], np.int32)])
def test_stretches_grey_without_an_agreed_range(values: NDArray[np.generic]):
    assert decoded(encoded(values, "TIFF"))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, Reason.IMAGE_MISSING),
        (b"", Reason.IMAGE_EMPTY),
        (b"<html><body>404 Not Found</body></html>", Reason.IMAGE_UNKNOWN_FORMAT),
        (b"%PDF-1.7", Reason.IMAGE_UNKNOWN_FORMAT),
        (b"RIFF\0\0\0\0WAVEfmt ", Reason.IMAGE_UNKNOWN_FORMAT),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(60), Reason.IMAGE_UNKNOWN_FORMAT),
        (encoded(gradient(), "PPM"), Reason.IMAGE_UNKNOWN_FORMAT),
        (b"\xff\xd8\xff\xe0 no more", Reason.IMAGE_CORRUPT),
        (encoded(gradient(), "PNG")[:-200], Reason.IMAGE_CORRUPT),
        (encoded(gradient(), "JPEG")[:-200], Reason.IMAGE_CORRUPT),
    ],
)
def test_names_the_reason_for_what_is_no_picture(data: bytes | None, reason: Reason):
    assert decode_image(data, CONFIG) is reason


def test_a_file_exactly_as_large_as_allowed_is_opened():
    data = encoded(gradient(), "PNG")

    assert not isinstance(decode_image(data, PreprocessConfig(max_image_bytes=len(data))), Reason)
    assert decode_image(data, PreprocessConfig(max_image_bytes=len(data) - 1)) is Reason.IMAGE_FILE_TOO_LARGE


def test_a_picture_exactly_as_large_as_allowed_is_decoded():
    data = encoded(gradient(64, 48), "PNG")

    assert not isinstance(decode_image(data, PreprocessConfig(max_image_pixels=64 * 48)), Reason)
    assert decode_image(data, PreprocessConfig(max_image_pixels=64 * 48 - 1)) is Reason.IMAGE_TOO_MANY_PIXELS


@pytest.mark.parametrize("side", [10_000, 60_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_before_it_is_decoded(side: int):
    data = bytearray(encoded(Image.new("1", (8, 8)), "BMP"))
    data[18:26] = side.to_bytes(4, "little") * 2

    assert decode_image(bytes(data), CONFIG) is Reason.IMAGE_TOO_MANY_PIXELS


def test_half_a_jpeg_with_an_end_marker_is_corrupt():
    data = encoded(scene(0), "JPEG")

    assert decode_image(data[: len(data) // 2] + b"\xff\xd9", CONFIG) is Reason.IMAGE_CORRUPT


@pytest.mark.parametrize(
    ("file_format", "offset", "value"),
    [("AVIF", 81, 0), ("TIFF", 72, 12)],
    ids=["RuntimeError: no picture in the file", "TypeError: a tag that is a float"],
)
def test_every_kind_of_decoder_error_is_corruption(file_format: str, offset: int, value: int):
    data = bytearray(encoded(gradient(), file_format))
    data[offset] = value

    assert decode_image(bytes(data), CONFIG) is Reason.IMAGE_CORRUPT


@pytest.mark.filterwarnings("ignore::UserWarning")  # as in production: Pillow warns of odd tags
def test_nothing_escapes_from_damaged_files():
    rng = random.Random(0)
    files = [encoded(gradient(), name) for name in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF")]
    files.append(encoded(gradient(), "JPEG", exif=rotated(6), progressive=True))

    outcomes = [decode_image(damaged(rng.choice(files), rng), CONFIG) for _ in range(240)]

    reasons = {outcome for outcome in outcomes if isinstance(outcome, Reason)}
    assert Reason.IMAGE_CORRUPT in reasons
    assert all(outcome.ndim == 3 for outcome in outcomes if not isinstance(outcome, Reason))


def damaged(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.4:
        return data[: rng.randrange(1, len(data))]
    broken = bytearray(data)
    for _ in range(rng.choice([1, 2, 8])):
        broken[rng.randrange(rng.choice([64, len(data)]))] = rng.randrange(256)
    return bytes(broken)


def test_no_proper_prefix_of_a_file_is_taken_for_the_picture():
    files = [encoded(gradient(), name) for name in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF")]

    taken = [data[:4] for data in files if not isinstance(decode_image(data[: len(data) * 3 // 4], CONFIG), Reason)]

    assert taken == []


def test_threads_decode_the_same_bytes():
    data = encoded(scene(1), "JPEG")

    with ThreadPoolExecutor(4) as threads:
        pictures = list(threads.map(decoded, [data] * 16))

    assert all((picture == pictures[0]).all() for picture in pictures)


@pytest.mark.parametrize("size", [(512, 400), (224, 224), (100, 80), (1, 1), (3000, 10), (10, 300), (2400, 1800)])
def test_squeezes_any_size_into_a_square(size: tuple[int, int]):
    picture = np.full((size[1], size[0], 3), (200, 100, 50), dtype=np.uint8)

    square = resize(picture, (224, 224))

    assert square.shape == (224, 224, 3)
    assert square.dtype == np.uint8
    assert (square == (200, 100, 50)).all()


@pytest.mark.parametrize("size", [(896, 448), (2688, 2016), (896, 100)])
def test_shrinking_does_not_alias(size: tuple[int, int]):
    stripes = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    stripes[:, ::2] = 255

    assert np.abs(resize(stripes, (224, 224)).astype(int) - 127.5).max() <= 1


def test_averages_alike_below_and_above_the_float_bound(monkeypatch: pytest.MonkeyPatch):
    in_float = resize(scene(2), (224, 224))

    monkeypatch.setattr("pairsift.core.images._MAX_FLOAT_VALUES", 0)

    assert (resize(scene(2), (224, 224)) == in_float).all()


def test_enhances_nothing_by_default():
    picture = scene(3, 64, 64)

    assert enhance(picture, EnhanceConfig()) is picture


@pytest.mark.parametrize("switch", ["clahe", "denoise", "unsharp"])
def test_each_switch_changes_the_picture_but_not_its_argument(switch: str):
    picture = scene(3, 64, 64)
    before = picture.copy()

    enhanced = enhance(picture, EnhanceConfig(**{switch: True}))

    assert enhanced.shape == picture.shape
    assert enhanced.dtype == np.uint8
    assert (enhanced != picture).any()
    assert (picture == before).all()


@pytest.mark.parametrize("switch", ["clahe", "denoise", "unsharp"])
def test_each_switch_keeps_red_red(switch: str):
    picture = np.full((64, 64, 3), (220, 20, 20), dtype=np.uint8)

    enhanced = enhance(picture, EnhanceConfig(**{switch: True}))

    assert (enhanced[..., 0].astype(int) - enhanced[..., 2] > 100).all()


def test_clahe_spreads_lightness_denoise_calms_and_unsharp_steepens():
    picture = (scene(3, 64, 64) // 4 + 90).astype(np.uint8)

    assert enhance(picture, EnhanceConfig(clahe=True)).std() > 1.2 * picture.std()
    assert roughness(enhance(picture, EnhanceConfig(denoise=True))) < 0.9 * roughness(picture)
    assert roughness(enhance(picture, EnhanceConfig(unsharp=True))) > 1.2 * roughness(picture)


def roughness(picture: NDArray[np.uint8]) -> float:
    return float(np.abs(np.diff(picture.astype(int), axis=1)).mean())
