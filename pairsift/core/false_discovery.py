"""From calibrated scores to p-values, and from those to q-values that bound the share of false discoveries."""

import numpy as np

from pairsift.core.arrays import Floats


def p_values(z: Floats, nulls: Floats) -> Floats:
    """Say how often an unrelated caption scores as high: p = (1 + #{null ≥ z}) / (1 + N).

    `z` is (n,) float64, NaN where a pair has no score, which gives NaN; `nulls` (N,) float64 without NaN. A null
    exactly at z counts. Source: Bates et al., 2023, Testing for outliers with conformal p-values, eq. 2.
    """
    ordered = np.sort(nulls)
    at_or_above = len(ordered) - np.searchsorted(ordered, z, side="left")
    return np.where(np.isnan(z), np.nan, (1.0 + at_or_above) / (1.0 + len(ordered)))


def unrelated_share(p: Floats) -> float:
    """Estimate from above which share of the pairs is unrelated: Storey's π₀ at λ = ½, at most 1.

    `p` is (n,) float64, n ≥ 1, without NaN. π₀ = (1 + #{p > ½}) / (n / 2): the 1 in it keeps the share of false
    discoveries below alpha in finite samples. Source: Storey, Taylor and Siegmund, 2004, eq. 6.
    """
    return float(min(1.0, (1 + np.count_nonzero(p > 0.5)) / (len(p) / 2)))


def q_values(p: Floats, pi0: float) -> Floats:
    """Give each pair the least alpha at which it would be kept: π₀ × Benjamini–Hochberg's adjusted p-value.

    `p` is (n,) float64 without NaN. q rises with p, equal p give equal q, and q is at most 1.
    Source: Benjamini and Hochberg, 1995; Storey, 2002.
    """
    n = len(p)
    worst_first = np.argsort(-p, kind="stable")
    scaled = pi0 * n * p[worst_first] / np.arange(n, 0, -1)
    q = np.empty(n)
    q[worst_first] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return q
