import math

import numpy as np
import pytest

from pairsift.core.cuts import percentile_cut, share_cut, share_cut_of_all


def kept(scores: list[float], cut: float) -> list[float]:
    return sorted((score for score in scores if score >= cut), reverse=True)


@pytest.mark.parametrize(
    ("scores", "fraction", "stay"),
    [
        ([4.0, 3.0, 2.0, 1.0], 0.5, [4, 3]),  # DataComp's code would keep 3
        ([4.0, 3.0, 2.0, 1.0], 0.51, [4, 3, 2]),
        ([1.0, 2.0, 2.0, 2.0], 0.5, [2, 2, 2]),  # ties at the cut stay together
        ([1.0, 2.0, 3.0], 1.0, [3, 2, 1]),  # DataComp's code fails
        ([1.0, 2.0, 3.0], 0.01, [3]),
        ([5.0, 5.0], 0.5, [5, 5]),
        ([3.0, math.nan, 1.0, math.nan], 0.5, [3]),  # half of the two that are measured
        ([], 0.5, []),
        ([math.nan], 0.5, []),
    ],
)
def test_a_share_is_rounded_up_with_its_ties(scores: list[float], fraction: float, stay: list[float]):
    assert kept(scores, share_cut(np.array(scores, dtype=np.float64), fraction)) == stay


def test_a_share_is_taken_in_decimals():
    # In binary 0.07 × 100 is 7.000000000000001, which rounds up to 8.
    assert share_cut(np.arange(100.0), 0.07) == 93


@pytest.mark.parametrize(
    ("scores", "fraction", "stay"),
    [
        ([4.0, 3.0, 2.0, 1.0], 0.5, [4, 3, 2]),  # n = 2: what is at or above the value after the 2 highest
        ([4.0, 3.0, 2.0, 1.0], 0.49, [4, 3]),  # n = 1
        ([4.0, 3.0, 2.0, 1.0], 0.1, [4]),  # n = 0
        ([4.0, 2.0, 2.0, 2.0], 0.25, [4, 2, 2, 2]),  # ties of the value after
        ([4.0, 3.0, 2.0, math.nan, math.nan], 0.4, [4, 3, 2]),  # n = ⌊0.4 × 5⌋ = 2: rows without a score count
        ([2.0, 1.0, math.nan, math.nan], 0.5, [2, 1]),  # the value after is NaN: the code would keep none
        ([2.0, 1.0], 1.0, [2, 1]),  # the code would fail
        ([], 0.5, []),
    ],
)
def test_a_share_of_all_is_that_of_datacomps_code(scores: list[float], fraction: float, stay: list[float]):
    assert kept(scores, share_cut_of_all(np.array(scores, dtype=np.float64), fraction)) == stay


def test_a_share_of_all_is_taken_in_binary_as_in_datacomps_code():
    # int(100 * 0.29) is 28, so that 29 are kept.
    assert share_cut_of_all(np.arange(100.0), 0.29) == 71


@pytest.mark.parametrize(
    ("scores", "percentile", "cut"),
    [
        ([10.0, 20.0, 30.0, 40.0], 50, 20),  # ⌈2⌉nd of 4
        ([10.0, 20.0, 30.0, 40.0], 50.1, 30),  # ⌈2.004⌉rd
        ([10.0, 20.0, 30.0, 40.0], 0, 10),
        ([10.0, 20.0, 30.0, 40.0], 100, 40),
        ([20.0, 10.0, 20.0, math.nan, 20.0], 26, 20),  # NaN does not count; ties are one value
        ([], 50, -math.inf),
        ([math.nan], 50, -math.inf),
    ],
)
def test_a_percentile_is_a_value_of_the_pool_by_nearest_rank(scores: list[float], percentile: float, cut: float):
    assert percentile_cut(np.array(scores, dtype=np.float64), percentile) == cut


@pytest.mark.parametrize("percentile", [0, 1, 5, 12.5, 37.5, 50, 75, 99, 100])
def test_a_percentile_is_numpys_by_the_inverted_distribution(percentile: float):
    pool = np.random.default_rng(0).normal(size=80).round(1)

    assert percentile_cut(pool, percentile) == np.percentile(pool, percentile, method="inverted_cdf")
