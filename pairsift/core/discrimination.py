"""How well a score tells good from bad: the area under the ROC curve, with ties, and its bootstrap by picture."""

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers


def auc(good: Floats, bad: Floats) -> float:
    """Area under the ROC curve: how often a good pair scores higher than a bad one, ties half.

    Both are (n,) float64 without NaN, n ≥ 1. It is Mann and Whitney's U over the number of comparisons.
    """
    return float(weighted_auc(good, bad, np.ones((1, len(good))), np.ones((1, len(bad))))[0])


def weighted_auc(good: Floats, bad: Floats, good_weights: Floats | Integers, bad_weights: Floats | Integers) -> Floats:
    """Compute the AUC for each of r weightings of g good and b bad pairs: (r, g) and (r, b) to (r,).

    A pair of weight k counts as k pairs. NaN where a weighting leaves no good or no bad pair.
    """
    levels, places = np.unique(np.concatenate([good, bad]), return_inverse=True)
    good_at = _by_level(places[: len(good)], len(levels), good_weights)
    bad_at = _by_level(places[len(good) :], len(levels), bad_weights)
    above = good_at.sum(axis=1, keepdims=True) - np.cumsum(good_at, axis=1)
    won = (bad_at * (above + 0.5 * good_at)).sum(axis=1)
    comparisons = good_at.sum(axis=1) * bad_at.sum(axis=1)
    return np.asarray(np.divide(won, comparisons, out=np.full(len(won), np.nan), where=comparisons > 0))


def resampled_weights(rng: np.random.Generator, pictures: int, replicates: int) -> Integers:
    """Resample the pictures with replacement: how often each is drawn, (replicates, pictures)."""
    return rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=replicates)


def interval(values: Floats) -> tuple[float, float]:
    """Return the 95 % percentile interval of bootstrap replicates; those that are NaN do not count."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def weighted_share(flags: Floats, weights: Floats | Integers) -> Floats:
    """Compute which share of n pictures is flagged, for each of r weightings: (n,) and (r, n) to (r,)."""
    return np.asarray(weights @ flags / weights.sum(axis=1))


def false_share(kept: Flags, swapped: Flags) -> float:
    """Return the share of swapped pairs among the kept, both (n,) bool; 0 if nothing is kept."""
    return float((swapped & kept).sum() / max(1, kept.sum()))


def _by_level(places: Integers, levels: int, weights: Floats | Integers) -> Floats:
    """Add up weights (r, n) of pairs by their score's level (n,): (r, levels)."""
    order = np.argsort(places, kind="stable")
    present, starts = np.unique(places[order], return_index=True)
    added = np.zeros((len(weights), levels))
    if len(places):
        added[:, present] = np.add.reduceat(weights[:, order].astype(np.float64), starts, axis=1)
    return added
