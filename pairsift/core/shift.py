"""How far scores shift when the same encoder computes in another way, measured on the same pairs."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOP_SHARE = 0.3
"""Share of the pairs whose choice is compared: what DataComp's and other published recipes keep."""

Numbers = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Measured:
    """What an encoder says of n pairs: `alignment` (n,), unit vectors `image` and `text` (n, d)."""

    alignment: Numbers
    image: Numbers
    text: Numbers


@dataclass(frozen=True, slots=True)
class Shift:
    """How far n pairs' scores moved.

    `top_overlap` is the share of the best 30 % that are still among the best 30 %, `rank_agreement` Spearman's ρ of the
    alignments, a cosine that of a vector with the one it was before.
    """

    pairs: int
    mean_shift: float
    max_shift: float
    rank_agreement: float
    top_overlap: float
    image_cosine_mean: float
    image_cosine_least: float
    text_cosine_mean: float
    text_cosine_least: float


def measure_shift(before: Measured, after: Measured) -> Shift:
    """Compare what an encoder says of the same pairs, in the same order."""
    moved = np.abs(after.alignment.astype(np.float64) - before.alignment.astype(np.float64))
    image, text = cosines(before.image, after.image), cosines(before.text, after.text)
    return Shift(
        pairs=len(moved),
        mean_shift=float(moved.mean()),
        max_shift=float(moved.max()),
        rank_agreement=rank_agreement(before.alignment, after.alignment),
        top_overlap=top_overlap(before.alignment, after.alignment),
        image_cosine_mean=float(image.mean()),
        image_cosine_least=float(image.min()),
        text_cosine_mean=float(text.mean()),
        text_cosine_least=float(text.min()),
    )


def rank_agreement(before: Numbers, after: Numbers) -> float:
    """Return Spearman's ρ of two rankings of n things, equal values sharing their ranks' mean."""
    return float(np.corrcoef(_ranks(before), _ranks(after))[0, 1])


def top_overlap(before: Numbers, after: Numbers, share: float = TOP_SHARE) -> float:
    """Return which share of the best by one score are among the as many best by another."""
    count = math.ceil(share * len(before))
    best = (set(np.argsort(-scores, kind="stable")[:count].tolist()) for scores in (before, after))
    return len(set.intersection(*best)) / count


def _ranks(values: Numbers) -> NDArray[np.float64]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def cosines(left: Numbers, right: Numbers) -> NDArray[np.float64]:
    """Return the cosine of each row of `left` (n, d) with the same row of `right` (n, d)."""
    a, b = left.astype(np.float64), right.astype(np.float64)
    likeness: NDArray[np.float64] = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return likeness
