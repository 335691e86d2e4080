"""Draws in which some captions are swapped at random, and how well scores tell those pairs from the others. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairsift.core.discrimination import auc, weighted_auc

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Draw:
    """m pictures, as (m,) rows of the sample, and for each the row whose caption it was given."""

    pictures: Integers
    captions: Integers

    @property
    def swapped(self) -> Flags:
        """Which pairs carry another picture's caption, (m,)."""
        return np.asarray(self.pictures != self.captions)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured on one draw: every score (m,) by name, higher is better, p (m,), and q (m,) of a selection."""

    draw: Draw
    scores: dict[str, Floats]
    p: Floats
    q: Floats


def draw_pairs(rng: np.random.Generator, pool: Integers, size: int, share: float) -> Draw:
    """Take `size` pictures of a pool and pass the captions of a share of them (at least 2) round in one cycle.

    A cycle gives every one of them another's caption, never its own.
    """
    pictures = rng.choice(pool, size, replace=False)
    moved = rng.choice(size, max(2, round(share * size)), replace=False)
    captions = pictures.copy()
    captions[moved] = pictures[np.roll(moved, 1)]
    return Draw(pictures, captions)


def draw_halves(
    rng: np.random.Generator, pool: Integers, share: float, reference_share: float | None
) -> tuple[Draw, Draw]:
    """Split a pool at random into pairs to test and a reference set of others, each with a share of it swapped.

    Without a `reference_share` the reference set is as it came.
    """
    shuffled, half = rng.permutation(pool), len(pool) // 2
    tested = draw_pairs(rng, shuffled[:half], half, share)
    others = shuffled[half:]
    if reference_share is None:
        return tested, Draw(others, others)
    return tested, draw_pairs(rng, others, len(others), reference_share)


def mean_auc(outcomes: Sequence[Outcome], score: str, weights: Integers) -> Floats:
    """Average the draws' AUC, for each of b weightings of the sample's n pictures: (b, n) to (b,).

    A picture of weight k counts k times in every draw, as if the sample held it k times. A draw in which a weighting
    leaves no good or no bad pair does not count.
    """
    return np.asarray(np.nanmean([_draw_auc(outcome, score, weights) for outcome in outcomes], axis=0))


def nearest_swap_auc(image: Floats, text: Floats, nearest: int) -> float:
    """AUC of the cosine when the wrong caption is one of the `nearest` to the right one; of n − 1 or more: any other.

    `image` and `text` are (n, d) unit rows; every picture is tried with each of its captions.
    """
    scores, likeness = image @ text.T, text @ text.T
    np.fill_diagonal(likeness, np.inf)
    closest_first = np.argsort(-likeness, axis=1, kind="stable")
    wrong = np.take_along_axis(scores, closest_first[:, 1 : 1 + nearest], axis=1)
    return auc(np.diagonal(scores), wrong.ravel())


def good_kept(outcome: Outcome, alpha: float) -> float:
    """Return the share of the unswapped pairs with q ≤ alpha."""
    return float((outcome.q[~outcome.draw.swapped] <= alpha).mean())


def _draw_auc(outcome: Outcome, score: str, weights: Integers) -> Floats:
    """AUC of one draw for b weightings: (b,), NaN where one leaves no pair of a side."""
    swapped, values = outcome.draw.swapped, outcome.scores[score]
    weighted = weights[:, outcome.draw.pictures]
    return weighted_auc(values[~swapped], values[swapped], weighted[:, ~swapped], weighted[:, swapped])
