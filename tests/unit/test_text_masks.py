import numpy as np
import pytest

from pairsift.core.text_masks import mask_boxes, readable


@pytest.mark.parametrize(
    ("text", "score", "is_text"),
    [
        ("SALE", 0.8, True),
        ("SALE", 0.79, False),
        ("20", 1.0, True),
        ("大众", 0.9, True),
        ("O", 1.0, False),
        ("O ·", 1.0, False),
        ("", 1.0, False),
    ],
)
def test_two_letters_or_digits_of_some_certainty_are_text(text: str, score: float, is_text: bool):
    assert readable(text, score) is is_text


def box(left: int, top: int, right: int, bottom: int) -> list[list[int]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def test_a_box_has_the_mean_colour_of_the_rest():
    rgb = np.zeros((10, 10, 3), np.uint8)
    rgb[:, :5] = (10, 20, 30)  # 50 pixels, of which the box takes none
    rgb[2:5, 6:9] = 255  # the text

    masked = mask_boxes(rgb, np.array([box(6, 2, 8, 4)], np.float32))

    # 91 pixels are left, 50 of them of that colour and 41 black: 50 / 91 of it.
    assert (masked[2:5, 6:9] == (5, 11, 16)).all()
    assert np.array_equal(
        np.delete(masked.reshape(100, 3), box_rows(), axis=0), np.delete(rgb.reshape(100, 3), box_rows(), axis=0)
    )
    assert (rgb[3, 7] == 255).all()  # it is a copy


def box_rows() -> list[int]:
    return [10 * y + x for y in (2, 3, 4) for x in (6, 7, 8)]


def test_boxes_are_filled_alike_and_text_in_one_does_not_colour_another():
    rgb = np.full((20, 20, 3), 100, np.uint8)
    rgb[0:3, 0:3], rgb[10:13, 10:13] = 0, 255

    masked = mask_boxes(rgb, np.array([box(0, 0, 2, 2), box(10, 10, 12, 12)], np.float32))

    assert (masked == 100).all()


def test_a_box_may_reach_beyond_the_picture_or_cover_it():
    rgb = np.full((4, 4, 3), 80, np.uint8)
    rgb[0, 0] = 240

    assert (mask_boxes(rgb, np.array([box(-3, -3, 0, 0)], np.float32)) == 80).all()
    assert (mask_boxes(rgb, np.array([box(-1, -1, 9, 9)], np.float32)) == 90).all()  # of all of it
