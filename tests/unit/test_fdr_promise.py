"""The promise of `fdr`, on synthetic embeddings of which 30 % of the captions are swapped."""

import numpy as np
import numpy.typing as npt
import pytest

from pairsift.core.calibration import EmbeddedPairs, calibrate, draw_calibration
from pairsift.core.false_discovery import q_values, unrelated_share

DRAWS, PAIRS, SWAPPED = 40, 200, 60

Draw = tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]


def draw(seed: int) -> Draw:
    """p of one draw, and which pairs are swapped; matches are weak, pictures and captions differ in popularity."""
    rng = np.random.default_rng(seed)
    common, popular = rng.standard_normal((PAIRS, 64)), rng.standard_normal(64)
    image, text = common + 1.6 * rng.standard_normal((2, PAIRS, 64)) + popular * rng.uniform(0, 1, (2, PAIRS, 1))
    bad = rng.choice(PAIRS, SWAPPED, replace=False)
    text[bad] = text[np.roll(bad, 1)]
    image, text = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (image, text))
    uids = [f"{number:032x}" for number in range(PAIRS)]
    pairs = EmbeddedPairs(uids, uids, uids, image, text)
    calibration = draw_calibration(pairs, np.arange(PAIRS), "score")
    swapped = np.isin(np.arange(PAIRS), bad)
    return calibrate(calibration, pairs, np.ones(PAIRS, dtype=np.bool_)).p, swapped


@pytest.fixture(scope="module")
def draws() -> list[Draw]:
    return [draw(seed) for seed in range(DRAWS)]


@pytest.mark.parametrize(("alpha", "least_power"), [(0.05, 0.7), (0.1, 0.8), (0.2, 0.9)])
def test_the_share_of_unrelated_captions_among_the_kept_stays_below_alpha(
    draws: list[Draw], alpha: float, least_power: float
):
    kept = [(q_values(p, unrelated_share(p)) <= alpha, swapped) for p, swapped in draws]

    false_share = np.mean([swapped[keep].mean() for keep, swapped in kept])
    power = np.mean([keep[~swapped].mean() for keep, swapped in kept])

    assert false_share <= alpha
    assert power >= least_power


@pytest.mark.parametrize("level", [0.01, 0.05, 0.1, 0.2])
def test_p_of_a_swapped_caption_is_below_any_level_no_more_often_than_that(draws: list[Draw], level: float):
    shares = [(p[swapped] <= level).mean() for p, swapped in draws]

    two_standard_errors = 2 * np.sqrt(level * (1 - level) / (DRAWS * SWAPPED))
    assert np.mean(shares) <= level + two_standard_errors


def test_the_share_of_unrelated_pairs_is_estimated_from_above(
    draws: list[Draw],
):
    estimates = [unrelated_share(p) for p, _ in draws]

    assert 0.3 <= np.mean(estimates) <= 0.4
