import numpy as np
import pytest

from benchmarks.swapped_captions import (
    Draw,
    Outcome,
    draw_pairs,
    good_kept,
    mean_auc,
    nearest_swap_auc,
)

POOL = np.arange(100, 150)


def outcome(swapped: list[bool], score: list[float], q: list[float] | None = None) -> Outcome:
    """Pictures 0, 1, …; every swapped one has the caption of a picture that is not there."""
    pictures = np.arange(len(swapped))
    draw = Draw(pictures, pictures + 1000 * np.array(swapped))
    return Outcome(draw, {"cosine": np.array(score)}, np.array(score), np.array(q or score))


@pytest.mark.parametrize(("share", "moved"), [(0.1, 4), (0.3, 12), (0.6, 24), (0.01, 2)])
def test_a_draw_swaps_the_share_asked_for_and_passes_no_caption_twice(share: float, moved: int):
    draw = draw_pairs(np.random.default_rng(7), POOL, 40, share)

    assert draw.swapped.sum() == moved
    assert len(set(draw.pictures.tolist())) == 40
    assert set(draw.pictures.tolist()) <= set(POOL.tolist())
    assert sorted(draw.captions.tolist()) == sorted(draw.pictures.tolist())


def test_a_draw_repeats_with_its_seed():
    first, again = (draw_pairs(np.random.default_rng(7), POOL, 40, 0.3) for _ in range(2))

    np.testing.assert_array_equal(first.pictures, again.pictures)
    np.testing.assert_array_equal(first.captions, again.captions)


def test_a_picture_of_weight_two_counts_as_two():
    drawn = outcome([False, False, True], [0.9, 0.2, 0.4])

    unweighted, doubled = mean_auc([drawn], "cosine", np.array([[1, 1, 1], [2, 1, 1]]))

    assert unweighted == pytest.approx(1 / 2)
    assert doubled == pytest.approx(2 / 3)


def test_mean_auc_passes_over_a_draw_that_a_weighting_leaves_one_sided():
    first, second = outcome([False, False, True], [0.9, 0.2, 0.4]), outcome([True, False, False], [0.1, 0.2, 0.4])

    assert mean_auc([first, second], "cosine", np.array([[1, 1, 0]])) == pytest.approx([1.0])


def test_unswapped_pairs_exactly_at_alpha_are_kept():
    drawn = outcome([False, False, True, True], [0, 0, 0, 0], q=[0.05, 0.2, 0.05, 0.06])

    assert good_kept(drawn, 0.05) == pytest.approx(1 / 2)


def test_wrong_captions_near_the_right_one_are_harder_to_tell():
    angles = np.deg2rad([0.0, 10.0, 90.0])
    text = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    image = text[[1, 1, 2]]

    assert nearest_swap_auc(image, text, 1) < nearest_swap_auc(image, text, 2)
    assert nearest_swap_auc(image, text, 2) == nearest_swap_auc(image, text, 3)
