"""How far scores and fused embeddings move when one side of a pair is perturbed, and how much worse scores tell."""

from dataclasses import dataclass

import numpy as np

from pairsift.core.arrays import Floats, Integers
from pairsift.core.discrimination import weighted_share
from pairsift.core.folds import swap_auc, with_interval
from pairsift.core.perturbing import Perturbation
from pairsift.core.shift import cosines


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """What n pairs scored, as they are or perturbed, NaN where they cannot be measured.

    `own` (n,) with their own captions, `swapped` (n, k) with those of others, `fused` (n, d) embeddings with their own.
    """

    own: Floats
    swapped: Floats
    fused: Floats

    def take(self, rows: Integers) -> "Sighting":
        """Copy some pairs."""
        return Sighting(self.own[rows], self.swapped[rows], self.fused[rows])


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % bootstrap interval by pair."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Moved:
    """What one perturbation does, on the pairs that can be measured before and after.

    `auc` is that of the score for swapped captions of pairs as they are, `auc_lost` what is missing of it on perturbed
    ones; `moved` the mean absolute difference of the scores of pairs with their own captions; `cosine` the mean cosine
    of their fused embeddings before and after.
    """

    perturbation: Perturbation
    pairs: int
    auc: Estimate
    auc_lost: Estimate
    moved: Estimate
    cosine: Estimate


def compare(perturbation: Perturbation, before: Sighting, after: Sighting, weights: Integers) -> Moved:
    """Compare pairs before and after; `weights` (r, n) resample them."""
    there = np.flatnonzero(~np.isnan(before.own) & ~np.isnan(after.own))
    every = np.concatenate([np.ones((1, len(there)), np.int64), weights[:, there]])
    figures = replicate(before.take(there), after.take(there), every)
    return Moved(perturbation, len(there), *(Estimate(*with_interval(values)) for values in figures))


def replicate(before: Sighting, after: Sighting, weights: Integers) -> tuple[Floats, Floats, Floats, Floats]:
    """Compute the four figures of a perturbation, as `Moved` has them, for each weighting (r, n) of n pairs: each (r,).

    A pair that counts k times counts so with its own caption and with the others.
    """
    auc = swap_auc(before.own, before.swapped, weights)
    lost = auc - swap_auc(after.own, after.swapped, weights)
    moved, alike = np.abs(after.own - before.own), cosines(before.fused, after.fused)
    return auc, lost, weighted_share(moved, weights), weighted_share(alike, weights)
