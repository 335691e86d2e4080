"""Small pictures: their size, and that nothing of the file they were made of stays."""

import io

import numpy as np
import pytest
from PIL import Image

from pairsift.config import PreprocessConfig
from pairsift.core.records import Reason
from pairsift.core.thumbnails import CARD, LARGE, Size, make_thumbnail
from tests.unit.pictures import encoded, gradient, scene

CONFIG = PreprocessConfig()


def opened(data: bytes | Reason) -> Image.Image:
    assert isinstance(data, bytes)
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("width", "height", "size"), [(480, 320, (240, 160)), (100, 50, (100, 50)), (3000, 4, (240, 1))]
)
def test_a_picture_keeps_its_shape_and_is_never_blown_up(width: int, height: int, size: tuple[int, int]):
    made = opened(make_thumbnail(encoded(gradient(width, height), "PNG"), CONFIG))

    assert (made.size, made.format) == (size, "JPEG")


@pytest.mark.parametrize("size", [CARD, LARGE])
def test_pure_noise_fits_the_limit_too(size: Size):
    noise = np.random.default_rng(0).integers(0, 256, (size.side, size.side, 3), dtype=np.uint8)

    made = make_thumbnail(encoded(noise, "PNG"), CONFIG, size)

    assert isinstance(made, bytes)
    assert len(made) <= size.most_bytes


def test_what_a_file_carries_beside_its_picture_is_not_in_it():
    exif = Image.Exif()
    exif[0x010E] = "secret description"

    made = make_thumbnail(encoded(scene(1), "JPEG", exif=exif), CONFIG)

    assert isinstance(made, bytes)
    assert b"secret" not in made


def test_the_colours_are_those_of_the_picture():
    red = np.full((50, 50, 3), (200, 30, 40), dtype=np.uint8)

    made = opened(make_thumbnail(encoded(red, "PNG"), CONFIG))

    assert np.asarray(made).mean(axis=(0, 1)) == pytest.approx([200, 30, 40], abs=2)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(None, Reason.IMAGE_MISSING), (b"<html>", Reason.IMAGE_UNKNOWN_FORMAT), (b"", Reason.IMAGE_EMPTY)],
)
def test_what_is_no_picture_is_told_as_in_a_run(data: bytes | None, reason: Reason):
    assert make_thumbnail(data, CONFIG) is reason
