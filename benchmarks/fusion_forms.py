"""What forms of fusion are worth on pairs that nothing was fitted on: the table of docs/fusion.md.

Every seed splits the pairs, whole groups of alike ones, into parts to train on, to stop by and to judge by.
"""

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.markdown import print_table
from pairsift.adapters.lessons import lessons_of_source, prepare_lesson
from pairsift.adapters.sampling import Wanted
from pairsift.config import RunConfig, ScoreConfig
from pairsift.core.discrimination import interval
from pairsift.core.folds import resampled_groups, swap_auc
from pairsift.core.preprocessing import PreparedLesson
from pairsift.models.device import limit_threads, resolve
from pairsift.models.encoder import load_encoder, picture_fit
from pairsift.models.fusion_heads import Form, FusionHead, HeadShape
from pairsift.models.fusion_judging import scores_of, split
from pairsift.models.fusion_training import Lessons, Recipe, Split, begin, train
from pairsift.models.gathering import gather, read_gathered
from pairsift.models.pictures import fit_picture

Values = NDArray[np.float64]

FORMS: Mapping[str, tuple[Form, bool]] = {
    "tokens": ("tokens", True),
    "concatenation": ("concatenation", False),
    "concatenation, with cosines": ("concatenation", True),
    "single vectors (reference method)": ("single", False),
}
REPLICATES = 1000


def main() -> None:
    """Print one row a form: mean AUC over seeds, and the bootstrap interval of that mean."""
    options = _options()
    limit_threads(1)
    tokens = options.tokens or Path(f"{options.source}.tokens")
    if not tokens.exists():
        _gather(options.source, options.pairs, tokens)
    lessons = read_gathered(tokens, "cpu")
    print(f"{len(lessons)} pairs, {lessons.groups.max() + 1} groups, {options.seeds} seeds, {options.epochs} epochs\n")
    found: dict[str, list[Values]] = {}
    for seed in range(options.seeds):
        for name, values in _run_seed(lessons, seed, options.epochs).items():
            found.setdefault(name, []).append(values)
        _print(found)


def _print(found: dict[str, list[Values]]) -> None:
    """Print one row a score: the mean over the seeds so far, with the bootstrap interval of that mean."""
    rows = []
    for name, seeds in found.items():
        means = np.mean(seeds, axis=0)
        shown = [f"{value[0]:.3f} ({low:.3f}–{high:.3f})" for value in means for low, high in [interval(value[1:])]]
        reached = [seed[0][0] for seed in seeds]
        rows.append([name, *shown, f"{min(reached):.3f}–{max(reached):.3f}"])
    print_table(["score", "AUC, swapped", "AUC, most alike captions", "over z, swapped", "seeds"], rows)


def _run_seed(lessons: Lessons, seed: int, epochs: int) -> dict[str, Values]:
    """Give for each score AUCs (3, 1 + replicates), of the data first: swapped, most alike, the gain over z."""
    parts = split(lessons, seed)
    known: dict[str, Values] = {}
    start: FusionHead | None = None
    for name, (form, compares) in FORMS.items():
        shape = HeadShape(form, lessons.sides.pooled.shape[1], lessons.sides.text.shape[1], compares=compares)
        start = start or begin(lessons, parts.training, shape, seed)
        head = _beginning_alike(start, shape, seed)
        for progress in train(lessons, parts, head, Recipe(epochs=epochs, seed=seed)):
            best = progress.best
        head.load_state_dict(best)
        known |= _judge(lessons, head, parts, seed, name)
        print(f"seed {seed}, {name}: {known[name][0][0]:.4f} after {progress.epoch} epochs", flush=True)
    return {name: np.concatenate([values, values[:1] - known["z"][:1]]) for name, values in known.items()}


def _beginning_alike(start: FusionHead, shape: HeadShape, seed: int) -> FusionHead:
    """Make a head of another form whose projections begin at the same closed form, as it was before any training."""
    torch.manual_seed(seed)
    head = FusionHead(shape)
    with torch.no_grad():
        head.centre.copy_(start.centre)
        head.picture.weight.copy_(start.picture.weight)
    return head


def _judge(lessons: Lessons, head: FusionHead, parts: Split, seed: int, name: str) -> dict[str, Values]:
    groups = np.unique(lessons.groups[parts.judging.rows], return_inverse=True)[1]
    weights = np.concatenate([np.ones((1, len(groups)), np.int64), resampled_groups(groups, REPLICATES, seed)])
    swapped, alike = (scores_of(lessons, head, parts.training, trial) for trial in (parts.judging, parts.hard))
    return {
        name if way == "head" else way: np.stack([swap_auc(*swapped[way], weights), swap_auc(*alike[way], weights)])
        for way in swapped
    }


def _gather(source: str, count: int, target: Path) -> None:
    config = RunConfig(score=resolve(ScoreConfig(device="cpu", dtype="float32")))
    encoder = load_encoder(config.score)
    fit = partial(fit_picture, fit=picture_fit(config.score))
    lessons = lessons_of_source(source, config, Wanted(count, 0, encoder.english_only))
    prepared = (prepare_lesson(one, config.preprocess, fit, english_only=encoder.english_only) for one in lessons)
    gather(encoder, (one for one in prepared if isinstance(one, PreparedLesson)), target, lambda _: None)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", help="folder or shards, as for run")
    parser.add_argument("--tokens", type=Path, help="file of tokens, made if it is not there; by default SOURCE.tokens")
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    return parser.parse_args()


if __name__ == "__main__":
    main()
