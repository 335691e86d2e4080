"""The estimated share of mismatched pairs, with an interval."""

from dataclasses import dataclass

import numpy as np

from pairsift.core.arrays import Floats
from pairsift.core.false_discovery import unrelated_share

DRAWS = 1000
CONFIDENCE = 0.95
BOOTSTRAP_SEED = 0
"""Of the generator of every estimate that is stored."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An upper estimate of the share of mismatched pairs among the `tested`, 0–1, and its interval of CONFIDENCE."""

    share: float
    low: float
    high: float
    tested: int


def estimate_mismatch(p: Floats, generator: np.random.Generator) -> Mismatch | None:
    """Estimate which share of some pairs is mismatched; None for no pair.

    `p` is (n,) float64, NaN where a pair has none, which leaves it out. The share is Storey's π₀ (`unrelated_share`);
    the interval is a percentile bootstrap (Efron, 1979) of it: π₀ depends on the pairs only by how many have p > ½, and
    that number in a sample drawn with replacement is binomial, so it is drawn as such, in an instant.
    """
    tested = p[~np.isnan(p)]
    n = len(tested)
    if n == 0:
        return None
    above = generator.binomial(n, np.count_nonzero(tested > 0.5) / n, size=DRAWS)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.minimum(1.0, (1 + above) / (n / 2)), [tail, 1 - tail])
    return Mismatch(unrelated_share(tested), float(low), float(high), n)
