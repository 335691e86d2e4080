import numpy as np
import pytest

from pairsift.core.mismatch import estimate_mismatch


def p_values(above_half: int, below: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([0.9] * above_half + [0.1] * below + [np.nan] * 3)


def test_the_share_is_storeys_estimate_of_the_pairs_that_have_a_p():
    estimate = estimate_mismatch(p_values(9, 91), np.random.default_rng(0))

    assert estimate is not None
    assert estimate.share == pytest.approx(0.2)
    assert estimate.tested == 100


def test_the_interval_is_that_of_drawing_the_pairs_again():
    estimate = estimate_mismatch(p_values(90, 910), np.random.default_rng(0))
    drawn = [
        min(1.0, (1 + np.count_nonzero(np.random.default_rng(seed).choice(p_values(90, 910)[:1000], 1000) > 0.5)) / 500)
        for seed in range(1000)
    ]

    assert estimate is not None
    assert [estimate.low, estimate.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]).tolist(), abs=0.006)


def test_the_interval_never_passes_one():
    estimate = estimate_mismatch(p_values(100, 0), np.random.default_rng(0))

    assert estimate is not None
    assert (estimate.share, estimate.low, estimate.high) == (1.0, 1.0, 1.0)


def test_of_no_pair_nothing_is_estimated():
    assert estimate_mismatch(np.array([np.nan]), np.random.default_rng(0)) is None
