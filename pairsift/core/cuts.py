"""Where a cut lies that keeps a share of a pool or what is above a percentile, exactly, ties included."""

import math
from decimal import Decimal

import numpy as np

from pairsift.core.arrays import Floats


def share_cut(pool: Floats, fraction: float) -> float:
    """Find the cut that keeps the ⌈fraction × n⌉ highest of a pool's n measured values, and all ties of the last.

    `pool` is (m,) float64, NaN where a pair has no value. The product is taken in decimals: 0.07 of 100 are 7, not 8.
    −∞ if nothing is measured.
    """
    measured = np.sort(pool[~np.isnan(pool)])
    count = math.ceil(Decimal(str(fraction)) * len(measured))
    return float(measured[len(measured) - count]) if count > 0 else -math.inf


def share_cut_of_all(pool: Floats, fraction: float) -> float:
    """Find the cut as DataComp's code does: the value after the n highest, n = ⌊fraction × m⌋ of all m in the pool.

    So n + 1 are kept, and ties. A pair without a value counts in m; the product is one of binary floating-point
    numbers. Where fewer than n + 1 are measured (the code then keeps none, or fails if fraction is 1) all of them
    are kept: −∞. Source: `get_threshold` of DataComp's baselines/apply_filter.py.
    """
    measured = np.sort(pool[~np.isnan(pool)])
    count = int(len(pool) * fraction)
    return float(measured[len(measured) - 1 - count]) if count < len(measured) else -math.inf


def percentile_cut(pool: Floats, percentile: float) -> float:
    """Find a percentile of a pool by nearest rank: the ⌈percentile × n / 100⌉-th lowest of its n measured values.

    Percentile 0 is the lowest. It is always a value of the pool: NumPy's `percentile(…, method="inverted_cdf")`, but
    with the product taken in decimals. −∞ if nothing is measured.
    """
    measured = np.sort(pool[~np.isnan(pool)])
    place = math.ceil(Decimal(str(percentile)) * len(measured) / 100)
    return float(measured[max(place, 1) - 1]) if len(measured) > 0 else -math.inf
