import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pairsift.core.image_signals import image_signals
from pairsift.core.records import SignalValue
from pairsift.core.signals import BY_NAME, IMAGE_SIGNALS
from tests.unit.pictures import scene

PYTHON_TYPES = {"int": int, "float": float, "str": str}


def measure(picture: NDArray[np.uint8]) -> dict[str, SignalValue]:
    return image_signals(picture, 5_000)


def number(value: SignalValue) -> float:
    assert isinstance(value, int | float)
    return float(value)


def bits_apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    hashes = [str(measure(picture)["image.phash"]) for picture in (one, other)]
    return (int(hashes[0], 16) ^ int(hashes[1], 16)).bit_count()


def recoded(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)


def test_measures_every_image_signal_in_its_type():
    signals = measure(scene(0))

    assert sorted(signals) == sorted(IMAGE_SIGNALS)
    assert [name for name, value in signals.items() if type(value) is not PYTHON_TYPES[BY_NAME[name].type]] == []


@pytest.mark.parametrize(
    ("size", "ratio"), [((512, 400), 1.28), ((400, 512), 1.28), ((1, 1), 1.0), ((20, 9000), 450.0)]
)
def test_measures_the_size_of_any_picture(size: tuple[int, int], ratio: float):
    signals = measure(np.zeros((size[1], size[0], 3), dtype=np.uint8))

    assert (signals["image.width"], signals["image.height"]) == size
    assert signals["image.aspect_ratio"] == pytest.approx(ratio)


def test_the_size_of_the_file_is_what_the_file_says():
    assert measure(scene(0))["image.bytes"] == 5_000


@pytest.mark.parametrize(
    ("bright", "p5", "p99"),
    [
        (2, 0.2, 0.2),  # 2 of 256 columns are 0.8 %: less than 1 % is beyond the percentile
        (3, 0.2, 0.8),
        (243, 0.2, 0.8),  # 13 dark ones are 5.1 %
        (244, 0.8, 0.8),  # 12 are 4.7 %
    ],
)
def test_percentiles_of_brightness_are_levels_that_occur(bright: int, p5: float, p99: float):
    picture = np.full((256, 256, 3), 51, dtype=np.uint8)
    picture[:, 256 - bright :] = 204

    signals = measure(picture)

    assert (signals["image.brightness_p5"], signals["image.brightness_p99"]) == (p5, p99)


@pytest.mark.parametrize(
    ("colour", "chroma"),
    [((90, 90, 90), 0.0), ((0, 0, 0), 0.0), ((255, 0, 0), 1.0), ((100, 151, 100), 0.2), ((10, 20, 61), 0.2)],
)
def test_chroma_is_the_spread_of_the_channels(colour: tuple[int, int, int], chroma: float):
    assert measure(np.full((300, 400, 3), colour, dtype=np.uint8))["image.chroma"] == pytest.approx(chroma)


def test_chroma_does_not_average_neighbours():
    picture = np.zeros((600, 600, 3), dtype=np.uint8)
    picture[::2, :, 0], picture[1::2, :, 1:] = 255, 255  # red and cyan lines: grey from afar

    assert measure(picture)["image.chroma"] == 1.0


@pytest.mark.parametrize(("first", "chroma"), [(0, 1.0), (1, 0.0), (2, 0.0)])
def test_chroma_of_a_large_picture_is_that_of_every_third_pixel_of_every_third_row(first: int, chroma: float):
    picture = np.zeros((768, 770, 3), dtype=np.uint8)
    picture[first::3, first::3, 1] = 255

    assert measure(picture)["image.chroma"] == chroma


@pytest.mark.parametrize("level", [0, 51, 255])
def test_a_flat_picture_has_brightness_only(level: int):
    signals = measure(np.full((300, 400, 3), level, dtype=np.uint8))

    assert signals["image.brightness"] == pytest.approx(level / 255)
    assert [signals[f"image.{name}"] for name in ("contrast", "sharpness", "entropy")] == [0, 0, 0]


def test_brightness_weighs_red_above_blue():
    colours = [np.full((9, 9, 3), colour, dtype=np.uint8) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]

    brightness = [number(measure(picture)["image.brightness"]) for picture in colours]

    assert brightness == pytest.approx([0.299, 0.587, 0.114], abs=0.003)  # Rec. 601


def test_a_picture_of_vertical_stripes_has_a_hash_of_one_row():
    picture = np.zeros((300, 400, 3), dtype=np.uint8)
    picture[:, :123], picture[:, 300:] = 200, 77

    assert str(measure(picture)["image.phash"])[2:] == "0" * 14


def test_every_flat_picture_but_black_has_one_hash():
    grey = [np.full((300, 400, 3), level, dtype=np.uint8) for level in range(1, 256, 7)]

    assert {measure(picture)["image.phash"] for picture in grey} == {"8000000000000000"}


def test_half_black_half_white_has_contrast_one_half_and_entropy_one_bit():
    picture = np.zeros((256, 256, 3), dtype=np.uint8)
    picture[:, 128:] = 255

    signals = measure(picture)

    assert signals["image.brightness"] == pytest.approx(0.5)
    assert signals["image.contrast"] == pytest.approx(0.5)
    assert signals["image.entropy"] == pytest.approx(1.0)


def test_sharpness_is_the_variance_of_the_laplacian():
    picture = np.zeros((256, 256, 3), dtype=np.uint8)
    picture[100, 100] = 10  # Laplacian: -40 there and 10 at its four neighbours

    assert measure(picture)["image.sharpness"] == pytest.approx((40**2 + 4 * 10**2) / 256**2)


def test_sharpness_is_exact():
    board = np.indices((256, 512)).sum(axis=0) % 2 * 255  # Laplacian: 1020 on black, -1020 on white
    noise = np.random.default_rng(0).integers(0, 256, (256, 512))
    pictures = [np.repeat(grey[:, :, None], 3, axis=2).astype(np.uint8) for grey in (board, noise)]
    edges = np.asarray(cv2.Laplacian(pictures[1][:, :, 0], cv2.CV_16S), dtype=np.int64)
    mean, mean_square = int(edges.sum()) / edges.size, int((edges**2).sum()) / edges.size

    sharpness = [number(measure(picture)["image.sharpness"]) for picture in pictures]

    assert sharpness == pytest.approx([1020**2, mean_square - mean**2], rel=1e-14)


def test_blurring_lowers_sharpness():
    sharp = scene(1)
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 4), dtype=np.uint8)

    assert number(measure(blurred)["image.sharpness"]) < 0.1 * number(measure(sharp)["image.sharpness"])


@pytest.mark.parametrize("size", [(1024, 800), (300, 234), (640, 640)])
def test_resizing_changes_few_bits_of_the_hash(size: tuple[int, int]):
    pictures = [scene(seed) for seed in range(8)]

    assert max(bits_apart(picture, cv2.resize(picture, size).astype(np.uint8)) for picture in pictures) <= 4


@pytest.mark.parametrize("quality", [95, 60, 30])
def test_encoding_again_changes_few_bits_of_the_hash(quality: int):
    pictures = [scene(seed) for seed in range(8)]

    assert max(bits_apart(picture, recoded(picture, quality)) for picture in pictures) <= 4


def test_different_pictures_differ_in_many_bits():
    pictures = [scene(seed) for seed in range(8)]

    assert min(bits_apart(pictures[0], other) for other in pictures[1:]) >= 10


def test_the_hash_begins_with_the_lowest_row_of_frequencies():
    # 1.5 periods are coefficient 3: across, bit 3 of the first row; downwards, the first bit of the fourth row.
    wave = 128 + 100 * np.cos(np.pi * 3 * (np.arange(256) + 0.5) / 256)
    picture = np.repeat(np.tile(np.rint(wave), (256, 1))[:, :, None], 3, axis=2).astype(np.uint8)

    assert str(measure(picture)["image.phash"]).startswith("9")
    assert str(measure(picture.swapaxes(0, 1).copy())["image.phash"]).startswith("80000080")
