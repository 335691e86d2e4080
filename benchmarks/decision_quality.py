"""Measure decisions on the sample: do they tell swapped captions, and what becomes of the planted bad pairs.

All pictures of the sample are encoded once with their honest captions. A draw then swaps the captions of a random 10,
30 or 60 % of one group, which only moves rows of embeddings, and the group is decided as one partition. Intervals are
95 % percentile bootstrap intervals over pictures: z and q stay those of the draw.
"""

import argparse
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.drawn_partitions import TEMPERATURES, Experiment, Group, group_pictures, loss_at, run_experiments
from benchmarks.markdown import Row, print_table
from benchmarks.planted_defects import curated_sample, read_truth, verdicts_by_defect
from benchmarks.sample_pictures import Encoded, encode, read_honest_pairs
from benchmarks.swapped_captions import (
    Floats,
    Integers,
    good_kept,
    mean_auc,
    nearest_swap_auc,
)
from pairsift.config import ScoreConfig
from pairsift.core.discrimination import false_share, interval, resampled_weights
from pairsift.core.neg_clip_loss import TEMPERATURE
from pairsift.core.selects import ALIGNMENT
from pairsift.models.device import resolve
from pairsift.models.scores import Scores

ALPHAS = (0.05, 0.1, 0.2)
DTYPES = ("float32", "bfloat16")
NEAREST = (1, 5, 10, 30)
REPLICATES = 1000
SCORES = ("cosine", "z", loss_at(TEMPERATURE), "product", "consistency")


def main() -> None:
    """Print all figures as Markdown tables."""
    options = _options()
    pairs = read_honest_pairs()
    configs = {dtype: resolve(ScoreConfig(device=options.device, dtype=dtype)) for dtype in ("auto", *DTYPES)}
    chosen = configs["auto" if options.dtype == "auto" else options.dtype]
    encoded = {dtype: encode(pairs, configs[dtype]) for dtype in DTYPES}
    groups = group_pictures([pair.kind for pair in pairs])
    experiments = {
        dtype: list(run_experiments(made, groups, options.draws, options.seed)) for dtype, made in encoded.items()
    }
    weights = resampled_weights(np.random.default_rng(options.seed), len(pairs), REPLICATES)
    print(f"{len(pairs)} pairs, {options.draws} draws, seed {options.seed}, {chosen.dtype} on {chosen.device}\n")
    _print_aucs(experiments[chosen.dtype], weights)
    _print_temperatures(experiments[chosen.dtype])
    _print_promise(experiments[chosen.dtype])
    _print_nearest(encoded[chosen.dtype].scores, groups)
    _print_agreement(encoded, experiments)
    if not options.skip_planted:
        planted = verdicts_by_defect(curated_sample(), read_truth())
        print_table(list(planted.columns), planted.astype(str).to_numpy().tolist())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=50, help="draws of each group and share")
    parser.add_argument("--seed", type=int, default=0, help="seed of draws and bootstrap")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--dtype", default="auto", choices=["auto", *DTYPES], help="of all tables but the comparison")
    parser.add_argument("--skip-planted", action="store_true", help="leave out the run over the planted bad pairs")
    return parser.parse_args()


def _print_aucs(experiments: Sequence[Experiment], weights: Integers) -> None:
    rows = [_auc_row(experiment, weights) for experiment in experiments]
    aucs = [f"AUC {score}" for score in SCORES]
    print_table(["group", "swapped", *aucs, *(f"{score} − cosine" for score in SCORES[1:3])], rows)


def _auc_row(experiment: Experiment, weights: Integers) -> Row:
    unweighted = np.ones_like(weights[:1])
    point = {score: mean_auc(experiment.outcomes, score, unweighted) for score in SCORES}
    replicates = {score: mean_auc(experiment.outcomes, score, weights) for score in SCORES}
    aucs = [_with_interval(point[score], replicates[score]) for score in SCORES]
    gains = [
        _with_interval(point[score] - point["cosine"], replicates[score] - replicates["cosine"])
        for score in SCORES[1:3]
    ]
    return [experiment.group, f"{experiment.share:.0%}", *aucs, *gains]


def _print_temperatures(experiments: Sequence[Experiment]) -> None:
    rows = [
        [one.group, f"{one.share:.0%}", *(f"{_plain_auc(one, loss_at(tau)):.3f}" for tau in TEMPERATURES)]
        for one in experiments
    ]
    print_table(["group", "swapped", *(f"AUC {loss_at(tau)}" for tau in TEMPERATURES)], rows)


def _with_interval(point: Floats, replicates: Floats) -> str:
    low, high = interval(replicates)
    return f"{point[0]:.3f} ({low:.3f} … {high:.3f})"


def _print_promise(experiments: Sequence[Experiment]) -> None:
    rows = [[one.group, f"{one.share:.0%}", *(_promise_cell(one, alpha) for alpha in ALPHAS)] for one in experiments]
    print_table(["group", "swapped", *(f"α {alpha}: true FDR, good kept" for alpha in ALPHAS)], rows)


def _promise_cell(experiment: Experiment, alpha: float) -> str:
    false = np.mean([false_share(one.q <= alpha, one.draw.swapped) for one in experiment.outcomes])
    kept = np.mean([good_kept(outcome, alpha) for outcome in experiment.outcomes])
    return f"{false:.3f}, {kept:.2f}"


def _print_nearest(scores: Scores, groups: Sequence[Group]) -> None:
    """Show how the cosine's AUC falls when the wrong caption is one that reads like the right one."""
    image, text = (rows.astype(np.float64) for rows in (scores.image_embedding, scores.text_embedding))
    whole = [group for group in groups if group.size == len(group.pool)]
    rows = [
        [
            group.name,
            *(f"{nearest_swap_auc(image[group.pool], text[group.pool], k):.3f}" for k in (*NEAREST, group.size)),
        ]
        for group in whole
    ]
    print_table(["AUC cosine, swapped with one of the", *(f"{k} nearest" for k in NEAREST), "any"], rows)


def _print_agreement(encoded: Mapping[str, Encoded], experiments: Mapping[str, Sequence[Experiment]]) -> None:
    """Compare bfloat16 with float32 on the same pairs and the same draws."""
    exact, rounded = (encoded[dtype].scores for dtype in DTYPES)
    own = exact.signals[ALIGNMENT].astype(np.float64) - rounded.signals[ALIGNMENT]
    rows = [
        _spread_row("Δcosine of the honest pairs", own),
        _spread_row("Δcosine of every picture with every caption", _all_cosines(exact) - _all_cosines(rounded)),
        *(_spread_row(f"ΔAUC {score} of the rows above", _auc_differences(experiments, score)) for score in SCORES[:2]),
    ]
    print_table(["float32 − bfloat16, absolute", "mean", "99th percentile", "largest"], rows)
    print(f"Verdicts that differ at α {ALPHAS[0]}, over all draws: {_changed_verdicts(experiments):.2%}\n")
    times = [[dtype, f"{made.cpu_ms_per_pair:.1f}"] for dtype, made in encoded.items()]
    print_table(["dtype", "CPU ms per pair, encoder alone"], times)


def _all_cosines(scores: Scores) -> Floats:
    return np.asarray(scores.image_embedding.astype(np.float64) @ scores.text_embedding.astype(np.float64).T)


def _auc_differences(experiments: Mapping[str, Sequence[Experiment]], score: str) -> Floats:
    exact, rounded = (np.array([_plain_auc(one, score) for one in experiments[dtype]]) for dtype in DTYPES)
    return np.asarray(exact - rounded)


def _plain_auc(experiment: Experiment, score: str) -> float:
    pictures = 1 + max(int(outcome.draw.pictures.max()) for outcome in experiment.outcomes)
    return float(mean_auc(experiment.outcomes, score, np.ones((1, pictures), np.int64))[0])


def _changed_verdicts(experiments: Mapping[str, Sequence[Experiment]]) -> float:
    kept = [
        np.concatenate([outcome.q <= ALPHAS[0] for one in experiments[dtype] for outcome in one.outcomes])
        for dtype in DTYPES
    ]
    return float((kept[0] != kept[1]).mean())


def _spread_row(what: str, differences: Floats) -> Row:
    sizes = np.abs(differences)
    return [what, *(f"{value:.4f}" for value in (sizes.mean(), np.quantile(sizes, 0.99), sizes.max()))]


if __name__ == "__main__":
    main()
