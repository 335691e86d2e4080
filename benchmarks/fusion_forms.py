"""What forms of fusion are worth on pairs that nothing was fitted on: the table of docs/fusion.md.

Every seed splits the pairs, whole groups of alike ones, into parts to train on, to stop by and to judge by.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks.gathered import CONFIG, PAIRS, VIEWS, first_rows, gathered
from benchmarks.markdown import print_table
from benchmarks.trained_heads import KINDS, Trainer
from pairsift.core.arrays import Floats, Integers
from pairsift.core.discrimination import interval
from pairsift.core.folds import resampled_groups, swap_auc
from pairsift.models.conse import TEMPERATURE, Conse
from pairsift.models.device import limit_threads
from pairsift.models.encoder import load_encoder
from pairsift.models.fusion import fuse
from pairsift.models.fusion_judging import scores_of, split
from pairsift.models.fusion_training import Lessons, Recipe, try_out

Values = NDArray[np.float64]
Ways = dict[str, tuple[Floats, Floats]]

REPLICATES = 1000
PARAMETER_FREE = "parameter-free fusion, its cosine with the caption"
_PASS = 512


def main() -> None:
    """Print one row a form: mean AUC over seeds, and the bootstrap interval of that mean."""
    options = parse_options(__doc__)
    limit_threads(1)
    viewed = gathered(options.source, VIEWS)
    lessons = first_rows(viewed)
    groups = lessons.groups.max() + 1
    print(f"{len(lessons)} pairs, {groups} groups, {options.seeds} seeds, {options.epochs} epochs\n")
    found: dict[str, list[Values]] = {}
    for seed in range(options.seeds):
        recipe = Recipe(epochs=options.epochs, seed=seed)
        trainer = Trainer(lessons, viewed, split(lessons, seed), recipe, Path(f"{options.source}.heads"))
        for name, values in _run_seed(trainer).items():
            found.setdefault(name, []).append(values)
        _print(found)


def parse_options(what: str | None) -> argparse.Namespace:
    """Read what a benchmark of trained heads is asked for."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("source", help=f"folder or shards, as for run; {PAIRS} pairs at most")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    return parser.parse_args()


def _print(found: dict[str, list[Values]]) -> None:
    """Print one row a score: the mean over the seeds so far, with the bootstrap interval of that mean."""
    rows = []
    for name, seeds in found.items():
        means = np.mean(seeds, axis=0)
        shown = [f"{value[0]:.3f} ({low:.3f}–{high:.3f})" for value in means for low, high in [interval(value[1:])]]
        reached = [seed[0][0] for seed in seeds]
        rows.append([name, *shown, f"{min(reached):.3f}–{max(reached):.3f}"])
    print_table(["score", "AUC, swapped", "AUC, most alike captions", "over z, swapped", "seeds"], rows)


def _run_seed(trainer: Trainer) -> dict[str, Values]:
    """Give for each score AUCs (3, 1 + replicates), of the data first: swapped, most alike, the gain over z."""
    lessons, parts = trainer.plain, trainer.parts
    free = parameter_free(lessons)
    known = _judge(trainer, *({PARAMETER_FREE: try_out(free, trial)} for trial in (parts.judging, parts.hard)))
    for name in KINDS:
        head = trainer.head(name)
        swapped, alike = (scores_of(lessons, head, parts.training, trial) for trial in (parts.judging, parts.hard))
        judged = _judge(trainer, swapped, alike)
        known |= {name: judged.pop("head"), **judged}
        print(f"seed {trainer.recipe.seed}, {name}: {known[name][0][0]:.4f}", flush=True)
    return {name: np.concatenate([values, values[:1] - known["z"][:1]]) for name, values in known.items()}


def _judge(trainer: Trainer, swapped: Ways, alike: Ways) -> dict[str, Values]:
    groups = np.unique(trainer.plain.groups[trainer.parts.judging.rows], return_inverse=True)[1]
    drawn = resampled_groups(groups, REPLICATES, trainer.recipe.seed)
    weights = np.concatenate([np.ones((1, len(groups)), np.int64), drawn])
    return {way: np.stack([swap_auc(*tried[way], weights) for tried in (swapped, alike)]) for way in swapped}


@torch.inference_mode()
def parameter_free(lessons: Lessons) -> Callable[[Integers, Integers], Floats]:
    """Give what scores pictures with captions by the cosine of the parameter-free fusion with the caption."""
    encoder = load_encoder(CONFIG.score)
    if not isinstance(encoder, Conse):
        raise TypeError("only of conse the tokens in the shared space can be made of those that a head takes")
    tokens = torch.cat([_in_caption_space(encoder, cells) for cells in torch.split(lessons.sides.cells, _PASS)])

    @torch.inference_mode()
    def score(images: Integers, captions: Integers) -> Floats:
        sides, parts = lessons.sides, []
        for start in range(0, len(images), _PASS):
            image, caption = (torch.from_numpy(rows[start : start + _PASS]) for rows in (images, captions))
            fused = fuse(tokens[image], sides.words[caption].float(), sides.valid[caption])
            parts.append((fused * sides.text[caption]).sum(dim=-1))
        return np.asarray(torch.cat(parts).double().numpy())

    return score


def _in_caption_space(encoder: Conse, cells: torch.Tensor) -> torch.Tensor:
    """Mix class vectors by what the classifier says of cells (n, q, c), as the encoder does: unit vectors (n, q, d)."""
    shares = torch.softmax(encoder.classifier.head(cells.float()) / TEMPERATURE, dim=-1)
    return functional.normalize(shares @ encoder.class_vectors, dim=-1)


if __name__ == "__main__":
    main()
