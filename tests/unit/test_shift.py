import numpy as np
import pytest

from pairsift.core.shift import Measured, measure_shift, rank_agreement, top_overlap


def measured(*alignments: float, image: tuple[float, float] = (1.0, 0.0)) -> Measured:
    count = len(alignments)
    return Measured(np.array(alignments), np.tile(image, (count, 1)), np.tile((0.0, 1.0), (count, 1)))


def test_tells_the_mean_and_the_largest_step_whichever_way():
    shift = measure_shift(measured(0.1, 0.2, 0.3, 0.4), measured(0.1, 0.25, 0.15, 0.4))

    assert shift.pairs == 4
    assert shift.mean_shift == pytest.approx(0.05)
    assert shift.max_shift == pytest.approx(0.15)


def test_tells_how_far_each_side_turned():
    shift = measure_shift(measured(0.1, 0.2), measured(0.1, 0.2, image=(0.6, 0.8)))

    assert shift.image_cosine_mean == pytest.approx(0.6)
    assert shift.image_cosine_least == pytest.approx(0.6)
    assert (shift.text_cosine_mean, shift.text_cosine_least) == (1, 1)


@pytest.mark.parametrize(
    ("after", "overlap"),
    [
        ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], 1),
        ([7, 8, 9, 6, 5, 4, 3, 2, 1, 0], 1),
        ([9, 8, 6, 7, 5, 4, 3, 2, 1, 0], 2 / 3),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 0),
    ],
)
def test_overlap_counts_who_stays_among_the_best_three_of_ten(after: list[float], overlap: float):
    assert top_overlap(np.arange(9, -1, -1.0), np.array(after, np.float64)) == pytest.approx(overlap)


def test_a_part_of_a_pair_counts_as_one_of_the_best():
    assert top_overlap(np.array([3.0, 2.0, 1.0, 0.0]), np.array([3.0, 1.0, 2.0, 0.0])) == 0.5


@pytest.mark.parametrize(
    ("after", "agreement"),
    [([10, 20, 30, 40], 1), ([4, 3, 2, 1], -1), ([1, 2, 4, 3], 0.8), ([1, 2, 2, 3], 0.9486833)],
)
def test_rank_agreement_is_spearman_s_with_shared_ranks(after: list[float], agreement: float):
    assert rank_agreement(np.array([1.0, 2.0, 3.0, 4.0]), np.array(after, np.float64)) == pytest.approx(agreement)
