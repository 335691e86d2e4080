"""How well a trained head tells who belongs together, on pairs held out, beside what needs no training."""

from collections.abc import Mapping

import numpy as np
import torch

from pairsift.core.arrays import Floats, Integers
from pairsift.core.double_normalisation import calibrated_z, prepare_reference
from pairsift.core.embedded import Embedded
from pairsift.core.folds import PARTNERS, deal_folds, resampled_groups, swap_auc, swap_partners, with_interval
from pairsift.models.fusion_heads import FusionHead
from pairsift.models.fusion_training import Lessons, Split, Trial, match, try_out

PARTS = 6
"""One part judges, one stops the training and fits the temperature, the others are trained on."""
HARD = 4
"""Captions of the most alike that a picture is tried with besides."""
REPLICATES = 1000
BINS = 10


def split(lessons: Lessons, seed: int) -> Split:
    """Deal pairs out, whole groups, and give those held out partners of their own part."""
    parts = deal_folds(lessons.groups, PARTS, seed)
    partners = swap_partners(lessons.groups, parts)
    judging, stopping = (np.flatnonzero(parts == part) for part in (0, 1))
    return Split(
        np.flatnonzero(parts > 1),
        Trial(stopping, partners[stopping]),
        Trial(judging, partners[judging]),
        Trial(judging, _most_alike(lessons, judging)),
    )


def scores_of(
    lessons: Lessons, head: FusionHead, reference: Integers, trial: Trial
) -> dict[str, tuple[Floats, Floats]]:
    """Score held-out pairs and their swaps by a head, and by what needs no training: the cosine and z."""
    ways = {
        "head": lambda images, captions: match(head, lessons, images, captions),
        "cosine": lambda images, captions: _cosine(lessons, images, captions),
        "z": lambda images, captions: _z(lessons, reference, images, captions),
    }
    return {name: try_out(way, trial) for name, way in ways.items()}


def aucs(
    scores: Mapping[str, tuple[Floats, Floats]], groups: Integers, seed: int
) -> dict[str, tuple[float, float, float]]:
    """Give each score's AUC with its 95 % bootstrap interval by group, and the head's gain over z."""
    compact = np.unique(groups, return_inverse=True)[1]
    weights = np.concatenate([np.ones((1, len(groups)), np.int64), resampled_groups(compact, REPLICATES, seed)])
    found = {name: swap_auc(*pair, weights) for name, pair in scores.items()}
    if {"head", "z"} <= found.keys():
        found["head_over_z"] = found["head"] - found["z"]
    return {name: with_interval(values) for name, values in found.items()}


def reliability(own: Floats, swapped: Floats, temperature: float) -> tuple[float, list[dict[str, float]]]:
    """Hold probabilities against how often pairs belong together: the expected calibration error, and bins of ten.

    Matched (n,) and swapped pairs (m,), given as logits, weigh alike in sum.
    """
    logits = np.concatenate([own, swapped])
    probability = 1 / (1 + np.exp(-logits / temperature))
    together = np.arange(len(logits)) < len(own)
    weights = np.where(together, 0.5 / len(own), 0.5 / len(swapped))
    places = np.minimum((probability * BINS).astype(int), BINS - 1)
    bins = []
    for place in np.unique(places):
        inside = places == place
        weight = float(weights[inside].sum())
        said, true = (float((values[inside] * weights[inside]).sum() / weight) for values in (probability, together))
        bins.append({"said": said, "true": true, "weight": weight})
    return float(sum(each["weight"] * abs(each["said"] - each["true"]) for each in bins)), bins


def _cosine(lessons: Lessons, images: Integers, captions: Integers) -> Floats:
    image, caption = (torch.from_numpy(rows) for rows in (images, captions))
    return np.asarray((lessons.image[image] * lessons.sides.text[caption]).sum(dim=-1).double().cpu().numpy())


def _z(lessons: Lessons, reference: Integers, images: Integers, captions: Integers) -> Floats:
    """Double-normalise against the pairs that the head was trained on, as a run does against its calibration."""
    image, text = (part.double().cpu().numpy() for part in (lessons.image, lessons.sides.text))
    groups = lessons.groups
    known = prepare_reference(Embedded(image[reference], text[reference], groups[reference], groups[reference]))
    tried = Embedded(image[images], text[captions], groups[captions], groups[images])
    return calibrated_z(tried, np.arange(len(images)), known)


def _most_alike(lessons: Lessons, rows: Integers) -> Integers:
    """Give each picture the captions most like its own of another group: (n, HARD) rows, -1 where there are fewer."""
    text = lessons.sides.text[torch.from_numpy(rows)].double().cpu().numpy()
    groups = lessons.groups[rows]
    likeness = np.where(groups[:, None] == groups[None], -np.inf, text @ text.T)
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, : min(HARD, PARTNERS)]
    found = rows[nearest]
    return np.where(np.take_along_axis(likeness, nearest, axis=1) == -np.inf, -1, found)
