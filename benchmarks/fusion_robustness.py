"""How far heads trained with and without views move on perturbed pairs: the table of docs/fusion.md.

The heads are those of `benchmarks.fusion_forms`, trained anew where they are not there; each seed judges on the pairs
that its heads have neither learnt from nor stopped by.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.fusion_forms import REPLICATES, parse_options
from benchmarks.gathered import VIEWS, first_rows, gathered, gathered_perturbed
from benchmarks.markdown import print_table
from benchmarks.trained_heads import Trainer
from pairsift.core.arrays import Floats, Integers
from pairsift.core.discrimination import interval
from pairsift.core.folds import resampled_groups
from pairsift.core.perturbing import Perturbation
from pairsift.core.robustness import Sighting, replicate
from pairsift.models.device import limit_threads
from pairsift.models.fusion_heads import FusionHead
from pairsift.models.fusion_judging import split
from pairsift.models.fusion_training import Lessons, Recipe, Trial, fit_temperature, match, pair_up, try_out

PLAIN, AUGMENTED = "tokens", "tokens, augmented"
FIGURES = ("AUC as they are", "AUC lost", "score moved by", "fused cosine")
Values = NDArray[np.float64]


def main() -> None:
    """Print for each perturbation and head the four figures, and how much less the augmented head moves."""
    options = parse_options(__doc__)
    limit_threads(1)
    viewed = gathered(options.source, VIEWS)
    perturbed = {each: gathered_perturbed(options.source, each) for each in Perturbation}
    found: dict[tuple[Perturbation, str], list[Values]] = {}
    for seed in range(options.seeds):
        plain, recipe = first_rows(viewed), Recipe(epochs=options.epochs, seed=seed)
        trainer = Trainer(plain, viewed, split(viewed, seed), recipe, Path(f"{options.source}.heads"))
        for key, values in _run_seed(trainer, perturbed).items():
            found.setdefault(key, []).append(values)
    _print(found)


def _run_seed(trainer: Trainer, perturbed: Mapping[Perturbation, Lessons]) -> dict[tuple[Perturbation, str], Values]:
    """Give for each perturbation and head its figures (4, 1 + replicates), of the data first."""
    trial, seed = trainer.parts.judging, trainer.recipe.seed
    groups = np.unique(trainer.plain.groups[trial.rows], return_inverse=True)[1]
    weights = np.concatenate([np.ones((1, len(groups)), np.int64), resampled_groups(groups, REPLICATES, seed)])
    found = {}
    for name in (PLAIN, AUGMENTED):
        head = trainer.head(name)
        own, swapped = try_out(_logits(head, trainer.plain), trainer.parts.stopping)
        head.temperature.fill_(fit_temperature(own, swapped[~np.isnan(swapped)]))
        before = _sight(head, trainer.plain, trial)
        for each, lessons in perturbed.items():
            found[each, name] = np.stack(replicate(before, _sight(head, lessons, trial), weights))
    return found


@torch.inference_mode()
def _sight(head: FusionHead, lessons: Lessons, trial: Trial) -> Sighting:
    """See what a head says of the pairs held out, as probabilities, and how it fuses them."""
    own, swapped = (
        1 / (1 + np.exp(-each / float(head.temperature))) for each in try_out(_logits(head, lessons), trial)
    )
    rows = torch.from_numpy(trial.rows)
    return Sighting(own, swapped, head(pair_up(lessons, rows, rows))[0].double().numpy())


def _logits(head: FusionHead, lessons: Lessons) -> Callable[[Integers, Integers], Floats]:
    return lambda images, captions: match(head, lessons, images, captions)


def _print(found: Mapping[tuple[Perturbation, str], Sequence[Values]]) -> None:
    means = {key: np.mean(seeds, axis=0) for key, seeds in found.items()}
    rows = [[each, name, *(_told(figure, ".3f") for figure in values)] for (each, name), values in means.items()]
    print_table(["perturbed by", "head", *FIGURES], rows)
    print()
    gains = {each: means[each, PLAIN] - means[each, AUGMENTED] for each in Perturbation}
    print_table(
        ["perturbed by", *(f"{what}, without − with views" for what in FIGURES)],
        [[each, *(_told(figure, "+.3f") for figure in values)] for each, values in gains.items()],
    )


def _told(values: Values, digits: str) -> str:
    figure, low, high = (format(value, digits) for value in (values[0], *interval(values[1:])))
    return f"{figure} ({low} to {high})"


if __name__ == "__main__":
    main()
