"""Pairs dealt out to folds so that nothing is judged by what it, or its like, was fitted on."""

from collections.abc import Sequence

import numpy as np

from pairsift.core.arrays import Floats, Integers
from pairsift.core.discrimination import interval, resampled_weights, weighted_auc
from pairsift.core.near_copies import parse_hashes, ties_within

ALIKE_BITS = 10
"""Pictures whose perceptual hashes differ in at most so many of 64 bits are of one group: near copies and more."""
PARTNERS = 16
"""Other captions that every picture is tried with."""


def group_alike(pictures: Sequence[str], captions: Sequence[str], hashes: Sequence[str | None]) -> Integers:
    """Group n pairs, so that no two groups share a picture, nearly a picture, or a caption: numbers (n,) from 0.

    `pictures` are sha256s of image files, `hashes` perceptual ones. A pair may be alike one of its group only through
    others.
    """
    numbered, there = parse_hashes(hashes)
    different, firsts, places = np.unique(numbered[there], return_index=True, return_inverse=True)
    hashed = np.flatnonzero(there)
    near = ties_within(different, ALIKE_BITS)
    edges = [
        _to_first(np.unique(np.array(pictures), return_inverse=True)[1]),
        _to_first(np.unique(np.array(captions), return_inverse=True)[1]),
        (hashed, hashed[firsts][places]),
        (hashed[firsts][near.earlier], hashed[firsts][near.later]),
    ]
    ones, others = (np.concatenate([edge[side] for edge in edges]) for side in (0, 1))
    return _connected(len(pictures), ones, others)


def deal_folds(groups: Integers, folds: int, seed: int) -> Integers:
    """Deal n pairs out to folds (n,), each group whole, in the seed's order, always to the smallest fold."""
    sizes = np.bincount(groups)
    filled = np.zeros(folds, np.int64)
    fold_of_group = np.empty(len(sizes), np.int64)
    for group in np.random.default_rng([seed, folds]).permutation(len(sizes)):
        fold_of_group[group] = filled.argmin()
        filled[fold_of_group[group]] += sizes[group]
    return fold_of_group[groups]


def swap_partners(groups: Integers, folds: Integers) -> Integers:
    """Give each of n pairs others of its fold, whose captions it is tried with: (n, PARTNERS), -1 for one of its group.

    A fold of fewer pairs has fewer others.
    """
    partners = np.full((len(groups), PARTNERS), -1)
    for fold in np.unique(folds):
        members = np.flatnonzero(folds == fold)
        for turn in range(min(PARTNERS, len(members) - 1)):
            partners[members, turn] = np.roll(members, turn + 1)
    alike = groups[partners] == groups[:, None]
    return np.where(alike, -1, partners)


def swap_auc(own: Floats, swapped: Floats, weights: Floats | Integers) -> Floats:
    """AUC of n pairs' scores (n,) against those with other captions (n, k), NaN for none, for weightings (r, n): (r,).

    A pair that counts k times counts so with its own caption and with the others.
    """
    tried = ~np.isnan(swapped)
    rows = np.nonzero(tried)[0]
    return weighted_auc(own, swapped[tried], weights, weights[:, rows])


def resampled_groups(groups: Integers, replicates: int, seed: int) -> Integers:
    """Resample whole groups of n pairs with replacement: how often each pair is drawn, (replicates, n)."""
    rng = np.random.default_rng([seed, replicates])
    return resampled_weights(rng, int(groups.max()) + 1, replicates)[:, groups]


def with_interval(values: Floats) -> tuple[float, float, float]:
    """Split the value of the data themselves, the first, from its replicates': value, and 95 % interval."""
    low, high = interval(values[1:])
    return float(values[0]), low, high


def _to_first(classes: Integers) -> tuple[Integers, Integers]:
    firsts = np.unique(classes, return_index=True)[1]
    return np.arange(len(classes)), firsts[classes]


def _connected(count: int, ones: Integers, others: Integers) -> Integers:
    """Number the connected parts of a graph from 0: each node takes the least label around until none changes."""
    labels = np.arange(count)
    while True:
        least = np.minimum(labels[ones], labels[others])
        spread = labels.copy()
        np.minimum.at(spread, ones, least)
        np.minimum.at(spread, others, least)
        spread = spread[spread]
        if (spread == labels).all():
            return np.unique(labels, return_inverse=True)[1]
        labels = spread
