import cv2
import numpy as np
import pytest

from pairsift.core.averaging import average_grey


def by_opencv(grey: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(cv2.convertScaleAbs(cv2.resize(grey.astype(np.float32), size, interpolation=cv2.INTER_AREA)))


def test_three_pixels_become_two_of_one_and_a_half_each():
    row = np.array([[0, 90, 30]], dtype=np.uint8)

    narrow, short = average_grey(row, (2, 1)), average_grey(row.T.copy(), (1, 2))

    assert narrow.tolist() == [[30, 50]]  # (0 + 90/2) / 1.5 and (90/2 + 30) / 1.5
    assert short.tolist() == [[30], [50]]


def test_both_axes_shrink():
    grey = np.array([[0, 90, 30], [90, 0, 90], [60, 90, 0]], dtype=np.uint8)

    # By hand: the rows become 30 50, 60 60, 70 30, and then their columns.
    assert average_grey(grey, (2, 2)).tolist() == [[40, 53], [67, 40]]


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        (300, 400, (341, 256)),
        (257, 258, (257, 256)),
        (256, 341, (32, 32)),
        (300, 400, (400, 256)),  # one axis stays
        (300, 400, (341, 300)),
        (2, 4001, (7, 1)),
        (4001, 2, (1, 7)),
        (1031, 773, (256, 341)),  # more than one block
        (5, 70_001, (256, 3)),  # a row longer than a block
    ],
)
def test_is_opencv_s_average_to_the_last_bit(height: int, width: int, size: tuple[int, int]):
    generator = np.random.default_rng(height)
    noise = generator.integers(0, 256, (height, width), dtype=np.uint8)
    extremes = np.where(noise > 127, 255, 0).astype(np.uint8)  # what lies half-way between two levels shows rounding

    assert np.array_equal(average_grey(noise, size), by_opencv(noise, size))
    assert np.array_equal(average_grey(extremes, size), by_opencv(extremes, size))


def test_is_opencv_s_average_for_hundreds_of_lengths():
    generator = np.random.default_rng(0)
    row = generator.integers(0, 256, (1, 1_500), dtype=np.uint8)
    lengths = [(int(n), int(generator.integers(2, n))) for n in generator.integers(3, 1_500, 500)]
    fractions = [(length, width) for length, width in lengths if length % width]

    different = [
        (length, width)
        for length, width in fractions
        if not np.array_equal(average_grey(row[:, :length], (width, 1)), by_opencv(row[:, :length], (width, 1)))
    ]

    assert different == []


def test_takes_a_picture_that_lies_on_its_head():
    grey = np.random.default_rng(1).integers(0, 256, (301, 401), dtype=np.uint8)

    assert np.array_equal(average_grey(grey[::-1], (341, 256)), by_opencv(grey[::-1].copy(), (341, 256)))
