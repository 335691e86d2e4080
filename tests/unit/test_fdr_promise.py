"""The promise of `fdr`, on synthetic embeddings of which 30 % of the captions are swapped."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pytest

from pairsift.core.calibration import EmbeddedPairs, calibrate, draw_calibration
from pairsift.core.false_discovery import q_values, unrelated_share

DRAWS, PAIRS, SWAPPED = 40, 200, 60

Flags = npt.NDArray[np.bool_]
Draw = tuple[npt.NDArray[np.float64], Flags]


class Reference(StrEnum):
    """Which pairs the tested ones are held against."""

    OWN = "own"
    OTHERS = "others"
    OTHERS_UNSWAPPED = "others_unswapped"


def drawn_pairs(rng: np.random.Generator, first: int, swapped: int) -> tuple[EmbeddedPairs, Flags]:
    """Pairs numbered from `first`, and which are swapped; matches are weak, pictures and captions differ in popularity.

    What is popular is the same in every draw, as in one data set.
    """
    popular = np.random.default_rng(0).standard_normal(64)
    common = rng.standard_normal((PAIRS, 64))
    image, text = common + 1.6 * rng.standard_normal((2, PAIRS, 64)) + popular * rng.uniform(0, 1, (2, PAIRS, 1))
    image, text = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (image, text))
    names = np.array([f"{number:032x}" for number in range(first, first + PAIRS)])
    captions, bad = names.copy(), rng.choice(PAIRS, swapped, replace=False)
    text[bad], captions[bad] = text[np.roll(bad, 1)], captions[np.roll(bad, 1)]
    pairs = EmbeddedPairs(names.tolist(), captions.tolist(), names.tolist(), image, text)
    return pairs, np.isin(np.arange(PAIRS), bad)


def draw(seed: int, reference: Reference) -> Draw:
    """p of one draw, and which pairs are swapped."""
    rng = np.random.default_rng(seed)
    pairs, swapped = drawn_pairs(rng, 0, SWAPPED)
    others, _ = drawn_pairs(rng, PAIRS, 0 if reference is Reference.OTHERS_UNSWAPPED else SWAPPED)
    calibration = draw_calibration(pairs if reference is Reference.OWN else others, np.arange(PAIRS), "score")
    return calibrate(calibration, pairs, np.ones(PAIRS, dtype=np.bool_)).p, swapped


@pytest.fixture(scope="module", params=Reference)
def draws(request: pytest.FixtureRequest) -> list[Draw]:
    return [draw(seed, request.param) for seed in range(DRAWS)]


def false_share_and_power(kept: Sequence[tuple[Flags, Flags]]) -> tuple[float, float]:
    """The mean share of swapped pairs among the kept, 0 if nothing is kept, and the mean share of the others kept."""
    false = np.mean([(swapped & keep).sum() / max(1, keep.sum()) for keep, swapped in kept])
    return float(false), float(np.mean([keep[~swapped].mean() for keep, swapped in kept]))


def margin(values: Sequence[float]) -> float:
    """Three standard errors, since there are dozens of checks; of draws, since a draw's pairs share a reference set."""
    return float(3 * np.std(values, ddof=1) / np.sqrt(len(values)))


@pytest.mark.parametrize(("alpha", "least_power"), [(0.05, 0.7), (0.1, 0.8), (0.2, 0.9)])
def test_the_share_of_unrelated_captions_among_the_kept_stays_below_alpha(
    draws: list[Draw], alpha: float, least_power: float
):
    false_share, power = false_share_and_power(
        [(q_values(p, unrelated_share(p)) <= alpha, swapped) for p, swapped in draws]
    )

    assert false_share <= alpha
    assert power >= least_power


@pytest.mark.parametrize(("alpha", "least_power"), [(0.05, 0.5), (0.1, 0.65), (0.2, 0.75)])
def test_without_storeys_estimate_the_share_stays_below_alpha_times_the_share_of_swapped_pairs(
    draws: list[Draw], alpha: float, least_power: float
):
    """Benjamini and Hochberg's theorem: π₀ × alpha."""
    kept = [(q_values(p, 1.0) <= alpha, swapped) for p, swapped in draws]

    false_share, power = false_share_and_power(kept)
    assert false_share <= alpha * SWAPPED / PAIRS + margin([swapped[keep].mean() for keep, swapped in kept])
    assert power >= least_power


@pytest.mark.parametrize("level", [0.01, 0.02, 0.05, 0.1, 0.15, 0.2])
def test_p_of_a_swapped_caption_is_below_any_level_no_more_often_than_that(draws: list[Draw], level: float):
    shares = [(p[swapped] <= level).mean() for p, swapped in draws]

    assert np.mean(shares) <= level + margin(shares)


def test_the_share_of_unrelated_pairs_is_estimated_from_above(draws: list[Draw]):
    estimates = [unrelated_share(p) for p, _ in draws]

    assert 0.3 <= np.mean(estimates) <= 0.4
