"""Fits a fusion head on gathered tokens, going on where an earlier try was stopped, and says how well it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from pairsift.errors import SourceError
from pairsift.models.fusion_heads import Form, FusionHead, HeadShape, shape_of
from pairsift.models.fusion_judging import aucs, reliability, scores_of, split
from pairsift.models.fusion_training import (
    Lessons,
    Progress,
    Recipe,
    Split,
    begin,
    fit_temperature,
    match,
    train,
    try_out,
)
from pairsift.models.gathering import read_gathered
from pairsift.models.trained import save_trained

LEAST_GROUPS = 120
"""Pairs that are not alike: a sixth of them judges."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """Where a head is fitted: its tokens, its checkpoint and, at the end, its weights; what form of head, and how."""

    tokens: Path
    checkpoint: Path
    weights: Path
    form: Form
    depth: int
    recipe: Recipe
    device: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of it: how the head is built, its metrics on pairs held out, the curve of training, and reliability."""

    shape: Mapping[str, Any]
    metrics: Mapping[str, float | int]
    curve: list[dict[str, float]]
    reliability: list[dict[str, float]]


def fit_head(fitting: Fitting, advance: Callable[[Progress], None]) -> Fitted:
    """Train, fit the temperature on the part that stopped the training, and judge on a part that nothing has seen.

    A checkpoint is kept after every epoch. SourceError where too few pairs are unlike.
    """
    lessons = read_gathered(fitting.tokens, fitting.device)
    groups = int(lessons.groups.max()) + 1
    if groups < LEAST_GROUPS:
        raise SourceError(f"{groups} pairs are not alike, and at least {LEAST_GROUPS} are needed: give more pairs")
    parts = split(lessons, fitting.recipe.seed)
    head, progress = _train(fitting, lessons, parts, advance)
    head.load_state_dict(progress.best)
    own, swapped = try_out(lambda images, captions: match(head, lessons, images, captions), parts.stopping)
    head.temperature.fill_(fit_temperature(own, swapped[~np.isnan(swapped)]))
    fitting.weights.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(
        {name: part.cpu().contiguous() for name, part in head.state_dict().items()}, fitting.weights
    )
    return _judge(lessons, head, parts, progress, fitting.recipe.seed)


def write_head(weights: Path, said: Mapping[str, Any], path: Path) -> None:
    """Write fitted weights as a head's file, which says what it is for."""
    save_trained(safetensors.torch.load_file(weights), said, path)


def _train(
    fitting: Fitting, lessons: Lessons, parts: Split, advance: Callable[[Progress], None]
) -> tuple[FusionHead, Progress]:
    features, dim = lessons.sides.pooled.shape[1], lessons.sides.text.shape[1]
    # Only attention over tokens needs the cosines beside it: the other forms are there as they were published.
    shape = HeadShape(fitting.form, features, dim, depth=fitting.depth, compares=fitting.form == "tokens")
    head = begin(lessons, parts.training, shape, fitting.recipe.seed)
    known = None
    if fitting.checkpoint.is_file():
        known = torch.load(fitting.checkpoint, map_location=fitting.device, weights_only=True)
    progress = (
        None if known is None else Progress(known["epoch"], known["curve"], known["best"], known["best_auc"], known)
    )
    for progress in train(lessons, parts, head, fitting.recipe, known):
        temporary = fitting.checkpoint.with_suffix(".tmp")
        torch.save(progress.state, temporary)
        temporary.replace(fitting.checkpoint)
        advance(progress)
    if progress is None:
        raise TypeError("a training of no epoch was asked for")
    return head, progress


def _judge(lessons: Lessons, head: FusionHead, parts: Split, progress: Progress, seed: int) -> Fitted:
    groups = lessons.groups[parts.judging.rows]
    found = {
        kind: scores_of(lessons, head, parts.training, trial)
        for kind, trial in (("swapped", parts.judging), ("hard", parts.hard))
    }
    metrics: dict[str, float | int] = {"epochs": progress.epoch, "temperature": round(float(head.temperature), 4)}
    for kind, scores in found.items():
        for name, values in aucs(scores, groups, seed).items():
            stem = f"auc_{kind}" if name == "head" else f"{name}_{kind}"
            metrics |= dict(zip((stem, f"{stem}_low", f"{stem}_high"), (round(v, 4) for v in values), strict=True))
    own, swapped = found["swapped"]["head"]
    error, bins = reliability(own, swapped[~np.isnan(swapped)], float(head.temperature))
    metrics |= {"calibration_error": round(error, 4), "judged_on": len(groups), "trained_on": len(parts.training)}
    return Fitted(shape_of(head), metrics, progress.curve, bins)
