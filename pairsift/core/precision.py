"""How many of the kept pairs are good, measured by people: whom to ask about, and what the answers come to."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Flags, Integers
from pairsift.core.duplicates import Bytes

CONFIDENCE_Z = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""

_SALT = np.uint64(0x9E3779B97F4A7C15)
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share of `labelled` pairs that are good, 0–1, and its interval of 95 %."""

    good: int
    labelled: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share of the good ones."""
        return self.good / self.labelled


def wilson(good: int, labelled: int) -> Proportion | None:
    """Estimate a share from a sample, with Wilson's interval of 95 %; None without a sample.

    Source: Wilson, 1927, Probable inference, the law of succession, and statistical inference.
    """
    if labelled == 0:
        return None
    z2, share = CONFIDENCE_Z**2, good / labelled
    centre = (share + z2 / (2 * labelled)) / (1 + z2 / labelled)
    spread = math.sqrt(share * (1 - share) / labelled + z2 / (4 * labelled**2))
    half = CONFIDENCE_Z * spread / (1 + z2 / labelled)
    return Proportion(good, labelled, max(0.0, centre - half), min(1.0, centre + half))


def drawing_order(uids: Bytes, kept: Flags) -> Integers:
    """Put the kept ones of n pairs in an order that has nothing to do with what they are; return their places.

    `uids` is (n,) bytes of 32 hex digits. A pair has the same rank among any others, so that labels serve several
    policies. Ranks are half of the uid mixed once more (SplitMix64): the smallest uids themselves make a calibration.
    Source: Steele, Lea and Flood, 2014, Fast splittable pseudorandom number generators.
    """
    places = np.flatnonzero(kept)
    mixed = _first_half(uids[places]) + _SALT
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FACTORS[0]
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _FACTORS[1]
    return places[np.argsort(mixed ^ (mixed >> np.uint64(31)), kind="stable")]


def _first_half(uids: Bytes) -> npt.NDArray[np.uint64]:
    """Read the first 16 hex digits of every uid as a number."""
    digits = uids.astype("S16").view(np.uint8).reshape(len(uids), 16)
    nibbles = digits - np.where(digits >= ord("a"), ord("a") - 10, ord("0")).astype(np.uint8)
    number = np.zeros(len(uids), dtype=np.uint64)
    for column in nibbles.T:
        number = number * np.uint64(16) + column
    return number


def measure_drawn(drawn: Iterable[str], good: Mapping[str, bool]) -> Proportion | None:
    """Estimate precision by the uids at the head of a drawing, up to the first that has no label; None without any.

    What is labelled further down is left out: who labels only what takes their fancy would choose the sample.
    """
    labelled, found = 0, 0
    for uid in drawn:
        if uid not in good:
            break
        labelled += 1
        found += good[uid]
    return wilson(found, labelled)
