import numpy as np
import pytest

from pairsift.core.discrimination import (
    auc,
    false_share,
    interval,
    resampled_weights,
    weighted_auc,
    weighted_share,
)


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        ([0.9, 0.8], [0.1, 0.2], 1.0),
        ([0.1], [0.2, 0.3], 0.0),
        ([0.5, 0.5], [0.5], 0.5),
        ([0.9, 0.5, 0.1], [0.5, 0.3], 3.5 / 6),
    ],
)
def test_auc_counts_won_comparisons_and_ties_as_half(good: list[float], bad: list[float], expected: float):
    assert auc(np.array(good), np.array(bad)) == pytest.approx(expected)


def test_a_weight_counts_as_so_many_pairs():
    good, bad = np.array([0.9, 0.2]), np.array([0.4, 0.2])

    weighted = weighted_auc(good, bad, np.array([[2, 1]]), np.array([[1, 3]]))

    assert weighted == pytest.approx([auc(np.array([0.9, 0.9, 0.2]), np.array([0.4, 0.2, 0.2, 0.2]))])
    assert weighted == pytest.approx([(2 * 1 + 2 * 3 + 1 * 3 * 0.5) / (3 * 4)])


@pytest.mark.parametrize(("good_weights", "bad_weights"), [([0, 0], [1]), ([1, 1], [0])])
def test_a_weighting_without_a_side_has_no_auc(good_weights: list[int], bad_weights: list[int]):
    found = weighted_auc(np.array([0.9, 0.2]), np.array([0.4]), np.array([good_weights]), np.array([bad_weights]))

    assert np.isnan(found).all()


def test_every_weighting_stands_for_itself():
    weights = np.array([[1, 1], [1, 0], [0, 1]])

    found = weighted_auc(np.array([0.9, 0.2]), np.array([0.4, 0.4]), weights, np.ones_like(weights))

    assert found == pytest.approx([0.5, 1.0, 0.0])


def test_resampling_draws_as_many_pictures_as_there_are():
    weights = resampled_weights(np.random.default_rng(0), 30, 200)

    assert weights.shape == (200, 30)
    assert (weights.sum(axis=1) == 30).all()


def test_the_interval_leaves_a_fortieth_out_on_each_side():
    assert interval(np.arange(1001) / 1000) == pytest.approx((0.025, 0.975))


def test_resampling_repeats_with_its_seed():
    first, again = (resampled_weights(np.random.default_rng(3), 30, 20) for _ in range(2))

    np.testing.assert_array_equal(first, again)


def test_replicates_that_are_nan_leave_the_interval():
    assert interval(np.array([np.nan, 0.4, np.nan])) == pytest.approx((0.4, 0.4))


def test_a_share_counts_each_by_its_weight():
    shares = weighted_share(np.array([1.0, 0.0, 0.0]), np.array([[1, 1, 1], [2, 1, 1], [0, 3, 0]]))

    assert shares == pytest.approx([1 / 3, 1 / 2, 0])


def test_the_false_share_is_that_of_the_swapped_among_the_kept():
    kept, swapped = np.array([True, True, False, True]), np.array([True, False, True, False])

    assert false_share(kept, swapped) == pytest.approx(1 / 3)


def test_nothing_kept_is_no_false_discovery():
    assert false_share(np.zeros(2, np.bool_), np.array([True, False])) == 0
