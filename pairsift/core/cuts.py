"""Where a cut lies that keeps a share of a pool or what is above a percentile, exactly, ties included."""

import math
from decimal import Decimal

import numpy as np

from pairsift.core.arrays import Flags, Floats


def share_cut(pool: Floats, fraction: float, still_in: Flags | None = None) -> float:
    """Find the cut that keeps the ⌈fraction × n⌉ highest of a pool's n measured values, and all ties of the last.

    `pool` is (m,) float64, NaN where a pair has no value. The product is taken in decimals: 0.07 of 100 are 7, not 8.
    Where an earlier cut has left only some of the pool, `still_in` (m,) bool, the highest are taken of these: n is
    still the whole pool's. −∞ if nothing is measured, or if there are no more than are to be kept.
    """
    measured = int(np.count_nonzero(~np.isnan(pool)))
    return _lowest_of(pool if still_in is None else pool[still_in], math.ceil(Decimal(str(fraction)) * measured))


def share_cut_of_all(pool: Floats, fraction: float, still_in: Flags | None = None) -> float:
    """Find the cut as DataComp's code does: the value after the n highest, n = ⌊fraction × m⌋ of all m in the pool.

    So n + 1 are kept, and ties. A pair without a value counts in m; the product is one of binary floating-point
    numbers. Where fewer than n + 1 are measured (the code then keeps none, or fails if fraction is 1) all of them
    are kept: −∞. `still_in` as in `share_cut`. Source: `get_threshold` of DataComp's baselines/apply_filter.py.
    """
    return _lowest_of(pool if still_in is None else pool[still_in], 1 + int(len(pool) * fraction))


def percentile_cut(pool: Floats, percentile: float) -> float:
    """Find a percentile of a pool by nearest rank: the ⌈percentile × n / 100⌉-th lowest of its n measured values.

    Percentile 0 is the lowest. It is always a value of the pool: NumPy's `percentile(…, method="inverted_cdf")`, but
    with the product taken in decimals. −∞ if nothing is measured.
    """
    measured = np.sort(pool[~np.isnan(pool)])
    place = math.ceil(Decimal(str(percentile)) * len(measured) / 100)
    return float(measured[max(place, 1) - 1]) if len(measured) > 0 else -math.inf


def _lowest_of(values: Floats, count: int) -> float:
    """Give the lowest of the `count` highest measured values; −∞ if there are fewer, or none is asked for."""
    measured = np.sort(values[~np.isnan(values)])
    return float(measured[len(measured) - count]) if 0 < count <= len(measured) else -math.inf
