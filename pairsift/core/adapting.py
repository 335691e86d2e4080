"""A linear way from a classifier's features to caption space, fitted in closed form, and what it is worth.

The adapter's vector is added to that of `conse`: class names know what is in the classifier's thousand classes, the
adapter the rest of what the user's own pairs show.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pairsift.core.arrays import Floats, Integers
from pairsift.core.folds import deal_folds, resampled_groups, swap_auc, swap_partners, with_interval

FOLDS = 5
RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Features are of unit length, so that the sum of their squares is the number of pairs."""
REPLICATES = 1000
"""Of the bootstrap, by group."""


@dataclass(frozen=True, slots=True, eq=False)
class Studied:
    """n pairs to learn from: the pictures' `features` (n, c), unit vectors `image` and `text` (n, d), `groups` (n,)."""

    features: Floats
    image: Floats
    text: Floats
    groups: Integers

    def __len__(self) -> int:
        return len(self.groups)

    def take(self, rows: Integers) -> "Studied":
        """Copy some pairs."""
        return Studied(self.features[rows], self.image[rows], self.text[rows], self.groups[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """From features to caption space: `centre` (c,) is taken off, `weights` (c, d) are applied to what is left."""

    centre: Floats
    weights: Floats
    ridge: float

    def adapt(self, features: Floats, image: Floats) -> Floats:
        """Add to unit vectors (n, d) what the features (n, c) say, in equal parts, as unit vectors (n, d)."""
        return _unit(_unit(_unit(features - self.centre) @ self.weights) + image)


@dataclass(frozen=True, slots=True)
class Worth:
    """AUC for swapped captions of pairs that were held out, without and with the adapter, and the gain.

    Each has its 95 % bootstrap interval by group; the partners of a swap are of the same fold.
    """

    auc_before: float
    auc_before_low: float
    auc_before_high: float
    auc_after: float
    auc_after_low: float
    auc_after_high: float
    gain: float
    gain_low: float
    gain_high: float


def fit(pairs: Studied, ridges: Sequence[float]) -> Iterator[Adapter]:
    """Fit by ridge regression of the captions, their mean taken off, on the features, once for every ridge."""
    centre = pairs.features.mean(axis=0)
    inputs, targets = _unit(pairs.features - centre), pairs.text - pairs.text.mean(axis=0)
    by_pair = len(inputs) <= inputs.shape[1]
    levels, axes = np.linalg.eigh(inputs @ inputs.T if by_pair else inputs.T @ inputs)
    turned = axes.T @ (targets if by_pair else inputs.T @ targets)
    for ridge in ridges:
        solved = axes @ (turned / (np.maximum(levels, 0) + ridge)[:, None])
        yield Adapter(centre, inputs.T @ solved if by_pair else solved, ridge)


def fit_best(pairs: Studied, seed: int) -> Adapter:
    """Choose the ridge by cross-validation over groups, by the AUC of held-out pairs, and fit all pairs with it."""
    return _fit_best(pairs, deal_folds(pairs.groups, FOLDS, seed))


def judge(pairs: Studied, seed: int) -> Worth:
    """Say what an adapter is worth for pairs it has not seen: each fold's is fitted, ridge and all, on the others."""
    folds = deal_folds(pairs.groups, FOLDS, seed)
    adapted = np.empty_like(pairs.image)
    for fold in range(FOLDS):
        others, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        adapter = _fit_best(pairs.take(others), folds[others])
        adapted[held] = adapter.adapt(pairs.features[held], pairs.image[held])
    resampled = resampled_groups(pairs.groups, REPLICATES, seed)
    weights = np.concatenate([np.ones((1, len(pairs)), np.int64), resampled])
    before, after = (_swap_aucs(image, pairs, folds, weights) for image in (pairs.image, adapted))
    return Worth(*with_interval(before), *with_interval(after), *with_interval(after - before))


def _fit_best(pairs: Studied, folds: Integers) -> Adapter:
    held_out = {ridge: np.empty_like(pairs.image) for ridge in RIDGES}
    for fold in np.unique(folds):
        others, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        for adapter in fit(pairs.take(others), RIDGES):
            held_out[adapter.ridge][held] = adapter.adapt(pairs.features[held], pairs.image[held])
    once = np.ones((1, len(pairs)), np.int64)
    ridge = max(RIDGES, key=lambda tried: _swap_aucs(held_out[tried], pairs, folds, once)[0])
    (best,) = fit(pairs, (ridge,))
    return best


def _swap_aucs(image: Floats, pairs: Studied, folds: Integers, weights: Integers) -> Floats:
    partners = swap_partners(pairs.groups, folds)
    swapped = np.einsum("nd,nkd->nk", image, pairs.text[partners])
    own = np.einsum("nd,nd->n", image, pairs.text)
    return swap_auc(own, np.where(partners < 0, np.nan, swapped), weights)


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float64).tiny))
