import numpy as np
import pytest

from benchmarks.calibration_checks import best_cut, check_level, check_mismatch, check_promise
from benchmarks.swapped_captions import Draw, Outcome, draw_halves


def outcome(z: list[float], swapped: list[bool], q: list[float] | None = None, p: list[float] | None = None) -> Outcome:
    pictures = np.arange(len(z))
    draw = Draw(pictures, pictures + 1000 * np.array(swapped))
    none = [1.0] * len(z)
    return Outcome(draw, {"z": np.array(z)}, np.array(p or none), np.array(q or none))


SEVEN = [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
FOURTH_AND_SIXTH = [False, False, False, True, False, True, False]


@pytest.mark.parametrize(
    ("allowed", "kept"),
    [(0.0, 3 / 5), (0.19, 3 / 5), (0.2, 4 / 5), (0.28, 4 / 5), (2 / 7, 1.0)],
)
def test_the_best_cut_is_the_lowest_that_is_allowed_even_below_some_that_are_not(allowed: float, kept: float):
    assert best_cut([outcome(SEVEN, FOURTH_AND_SIXTH)], allowed) == pytest.approx(kept)


def test_the_highest_score_may_be_false_and_then_nothing_is_kept():
    assert best_cut([outcome([2, 1], [True, False])], 0.4) == 0


def test_one_cut_for_all_draws_goes_by_their_mean():
    """Cut at 1: true FDR 1/2 and 0; cut at 2: 0 and 0."""
    draws = [outcome([2, 1], [False, True]), outcome([3, 1], [False, False])]

    assert best_cut(draws, 0.25) == 1.0
    assert best_cut(draws, 0.24) == pytest.approx(0.75)


def test_a_promise_is_a_mean_with_its_standard_error_and_its_oracles():
    kept_four = outcome(SEVEN, FOURTH_AND_SIXTH, q=[0.1, 0.1, 0.1, 0.1, 0.11, 0.2, 0.2])
    kept_two = outcome(SEVEN, FOURTH_AND_SIXTH, q=[0.1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2])

    promise = check_promise([kept_four, kept_two], 0.1)

    assert promise.true_fdr == pytest.approx(1 / 8)  # 1 of 4, and 0 of 2
    assert promise.error == pytest.approx(1 / 8)  # deviation 1/4 × √½ over √2
    assert promise.power == pytest.approx(1 / 2)  # 3/5 and 2/5
    assert promise.fixed_cut == pytest.approx(3 / 5)
    assert promise.cut_per_draw == pytest.approx((4 / 5 + 3 / 5) / 2)
    assert promise.held
    assert not promise.near_oracle


@pytest.mark.parametrize(("false", "held"), [(1, True), (2, False)])
def test_a_promise_is_broken_above_alpha_where_all_draws_agree(false: int, held: bool):
    swapped = [True] * false + [False] * (10 - false)

    assert check_promise([outcome([1.0] * 10, swapped, q=[0.0] * 10)] * 3, 0.1).held is held


@pytest.mark.parametrize(("small", "held"), [(15, True), (16, False)])
def test_a_level_may_be_passed_by_two_binomial_standard_errors(small: int, held: bool):
    """0.1 + 2 × √(0.1 × 0.9 / 144) = 0.15, of the swapped pairs alone."""
    p = [0.1] * small + [0.11] * (96 - small)
    draws = [
        outcome([0.0] * 100, [True] * 96 + [False] * 4, p=[*p, 0.0, 0.0, 0.0, 0.0]),
        outcome([0.0] * 48, [True] * 48, p=[0.1] * 6 + [1.0] * 42),
    ]

    level = check_level(draws, 0.1)

    assert level.share == pytest.approx((small + 6) / 144)
    assert level.margin == pytest.approx(0.05)
    assert level.held is held


def test_the_mismatch_estimate_is_compared_with_the_truth_of_every_draw():
    p = [0.9] * 30 + [0.1] * 70
    truths = [[True] * count + [False] * (100 - count) for count in (10, 60, 95)]

    check = check_mismatch([outcome([0.0] * 100, swapped, p=p) for swapped in truths], seed=0)

    assert check.truth == pytest.approx(0.55)
    assert check.estimate == pytest.approx(0.62)
    assert (check.covered, check.truth_below, check.truth_above) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


@pytest.mark.parametrize(("reference_share", "swapped"), [(None, 0), (0.3, 8)])
def test_halves_share_no_picture_and_the_tested_one_is_the_same_whatever_the_other(
    reference_share: float | None, swapped: int
):
    pool = np.arange(100, 151)

    tested, reference = draw_halves(np.random.default_rng(3), pool, 0.2, reference_share)
    again, _ = draw_halves(np.random.default_rng(3), pool, 0.2, None)

    assert sorted([*tested.pictures, *reference.pictures]) == pool.tolist()
    assert set(reference.captions) == set(reference.pictures)
    assert (len(tested.pictures), tested.swapped.sum(), reference.swapped.sum()) == (25, 5, swapped)
    np.testing.assert_array_equal([tested.pictures, tested.captions], [again.pictures, again.captions])
