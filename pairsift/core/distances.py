"""How far two samples lie apart, and how likely chance alone is to bring them so far: PSI, Kolmogorov–Smirnov, χ²."""

import math

import numpy as np

from pairsift.core.arrays import Floats
from pairsift.core.sketches import NumberSketch, WordSketch, quantiles, shares_up_to

LEAST_EXPECTED = 5
"""Pairs that a cell of a χ² test must be expected to have (Cochran, 1954)."""


def stability_index(here: Floats, there: Floats) -> float:
    """Compute the population stability index of counts in the same bins: Σ (p − q) ln (p / q), in nats.

    It is the symmetrised divergence of Jeffreys, 1946. So that an empty bin gives no infinity, one pair, spread as
    both together, is added to each side (m-estimate with m = 1; Cestnik, 1990): sides are drawn together, never apart.
    """
    pooled = (here + there) / (here.sum() + there.sum())
    filled = pooled > 0
    p = (here + pooled)[filled] / (here.sum() + 1)
    q = (there + pooled)[filled] / (there.sum() + 1)
    return float(((p - q) * np.log(p / q)).sum())


def decile_counts(now: NumberSketch, window: NumberSketch) -> tuple[Floats, Floats]:
    """Count both sides' pairs between the deciles of the window: absent ones, then up to the first decile, and so on.

    A value on which several deciles fall has a bin of its own, so that a fall below it is seen.
    """
    edges, deciles = np.unique(quantiles(window, np.arange(1, 10) / 10), return_counts=True)
    here, there = (_counts_between(sketch, edges, edges[deciles > 1]) for sketch in (now, window))
    return here, there


def word_counts(now: WordSketch, window: WordSketch) -> tuple[Floats, Floats]:
    """Count both sides' pairs by word: every word that either has kept, the rest, and absent ones."""
    words = sorted({*now.words, *window.words})
    here, there = (
        np.array([*(sketch.words.get(word, 0) for word in words), sketch.rest, sketch.absent], dtype=np.float64)
        for sketch in (now, window)
    )
    return here, there


def largest_difference(now: NumberSketch, window: NumberSketch) -> float:
    """Compute the Kolmogorov–Smirnov distance: the largest difference of two distribution functions, 0–1.

    Absent values count as lower than all others. By sketches it is wrong by at most the larger of their errors.
    """
    numbers = np.concatenate(([-np.inf], now.values, window.values))
    return float(np.abs(shares_up_to(now, numbers) - shares_up_to(window, numbers)).max())


def kolmogorov_p(distance: float, here: int, there: int) -> float:
    """Tell how likely two samples of these sizes from one distribution are to lie so far apart.

    The asymptotic distribution with the correction of Stephens, 1970, for small samples (good from an effective size
    here × there / (here + there) of 4); too large, never too small, where values repeat.
    """
    size = math.sqrt(here * there / (here + there))
    scaled = (size + 0.12 + 0.11 / size) * distance
    if scaled < 0.2:  # the series converges slowly there, and is 1 to twelve digits
        return 1.0
    terms = ((2 if j % 2 else -2) * math.exp(-2 * j**2 * scaled**2) for j in range(1, 101))
    return min(max(sum(terms), 0.0), 1.0)


def homogeneity_p(here: Floats, there: Floats) -> float:
    """Tell by Pearson's χ² how likely counts in the same cells are to differ so much by chance.

    Cells in which either side is expected to have fewer than LEAST_EXPECTED pairs are taken together, and left out if
    that is still so; with fewer than two cells nothing can be told: 1.
    """
    counts = np.stack([here, there])
    rare = _least_expected(counts) < LEAST_EXPECTED
    counts = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    cells = counts[:, _least_expected(counts) >= LEAST_EXPECTED]
    if cells.shape[1] < 2:
        return 1.0
    expected = cells.sum(axis=1, keepdims=True) * cells.sum(axis=0) / cells.sum()
    return chi_square_p(float(((cells - expected) ** 2 / expected).sum()), cells.shape[1] - 1)


def chi_square_p(statistic: float, degrees: int) -> float:
    """Tell how likely χ² with these degrees of freedom is to be at least so large.

    By Q(x; k + 2) = Q(x; k) + (x/2)^(k/2) e^(−x/2) / Γ(k/2 + 1) from Q(x; 1) = erfc √(x/2), Q(x; 2) = e^(−x/2).
    """
    if statistic <= 0:
        return 1.0
    half = statistic / 2
    first = 1 if degrees % 2 else 2
    start = math.erfc(math.sqrt(half)) if first == 1 else math.exp(-half)
    steps = (math.exp(k / 2 * math.log(half) - half - math.lgamma(k / 2 + 1)) for k in range(first, degrees, 2))
    return min(start + sum(steps), 1.0)


def _counts_between(sketch: NumberSketch, edges: Floats, alone: Floats) -> Floats:
    """Count the absent pairs, those up to each edge, and those beyond; the edges in `alone` have bins of their own."""
    cuts = np.concatenate([shares_up_to(sketch, edges), shares_up_to(sketch, alone, below=True)])
    shares = np.diff(np.sort(cuts), prepend=sketch.absent / sketch.pairs, append=1.0)
    return np.asarray(sketch.pairs * np.concatenate(([sketch.absent / sketch.pairs], shares)))


def _least_expected(counts: Floats) -> Floats:
    """Give of every cell of (2, k) counts the smaller of its two expected counts if both sides were alike."""
    return np.asarray(counts.sum(axis=0) * counts.sum(axis=1).min() / counts.sum())
