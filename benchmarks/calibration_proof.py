"""Check what a calibration promises on the sample, of which a known share of the captions is swapped.

As in `benchmarks.decision_quality` all pictures are encoded once, and a draw only moves rows of embeddings. Three times
over: with the tested pairs themselves as reference set, as on a data set's first day; with other pairs, none swapped;
with other pairs of which 30 % are swapped. A cell that breaks the promise is marked.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from benchmarks.calibration_checks import Level, MismatchCheck, Promise, check_level, check_mismatch, check_promise
from benchmarks.drawn_partitions import Experiment, Group, group_pictures, run_experiments, run_split_experiments
from benchmarks.markdown import Row, print_table
from benchmarks.sample_pictures import encode, read_honest_pairs
from benchmarks.swapped_captions import Outcome
from pairsift.config import ScoreConfig
from pairsift.core.false_discovery import q_values
from pairsift.models.device import resolve
from pairsift.models.scores import Scores

ALPHAS = (0.05, 0.1, 0.2)
LEVELS = (0.01, 0.02, 0.05, 0.1, 0.2)
SWAPPED_IN_REFERENCE = 0.3
FAILS = "FAILS"


def main() -> None:
    """Print all checks as Markdown tables."""
    options = _options()
    pairs = read_honest_pairs()
    config = resolve(ScoreConfig(device="cpu", dtype="auto"))
    scores = encode(pairs, config).scores
    groups = [group for group in group_pictures([pair.kind for pair in pairs]) if group.size == len(group.pool)]
    print(f"{len(pairs)} pairs, {options.draws} draws, seed {options.seed}, {config.dtype} on {config.device}\n")
    for title, made in _settings(scores, groups, options):
        _report(title, made, options.seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=50, help="draws of each group and share")
    parser.add_argument("--seed", type=int, default=0, help="seed of draws and bootstrap")
    return parser.parse_args()


def _settings(
    scores: Scores, groups: Sequence[Group], options: argparse.Namespace
) -> Iterator[tuple[str, list[Experiment]]]:
    how = (scores, groups, options.draws, options.seed)
    yield "the tested pairs themselves", list(run_experiments(*how))
    yield "other pairs, none swapped", list(run_split_experiments(*how, None))
    yield "other pairs, 30 % swapped", list(run_split_experiments(*how, SWAPPED_IN_REFERENCE))


def _report(title: str, experiments: Sequence[Experiment], seed: int) -> None:
    """Print one setting's tables, and how many checks hold."""
    print(f"## Reference set: {title}\n")
    shipped = [[check_promise(one.outcomes, alpha) for alpha in ALPHAS] for one in experiments]
    alone = [[check_promise([*map(_without_storey, one.outcomes)], alpha) for alpha in ALPHAS] for one in experiments]
    for name, method in (("Benjamini–Hochberg alone", alone), ("With Storey's π₀, as shipped", shipped)):
        _print_promises(name, experiments, method)
    levels = [[check_level(one.outcomes, level) for level in LEVELS] for one in experiments]
    cells = [[_level(level) for level in row] for row in levels]
    print_table(["group", "swapped", *(f"p ≤ {level}" for level in LEVELS)], _rows(experiments, cells))
    head = ["group", "swapped", "estimate", "interval holds the truth", "truth below it", "truth above it"]
    print_table(head, _rows(experiments, [_mismatch(check_mismatch(one.outcomes, seed)) for one in experiments]))
    _count("true FDR, Benjamini–Hochberg alone", (one.held for row in alone for one in row))
    _count("true FDR, with Storey's π₀", (one.held for row in shipped for one in row))
    _count("share of swapped pairs with p ≤ t", (level.held for row in levels for level in row))
    _count("power beside the oracle, Benjamini–Hochberg alone", (one.near_oracle for row in alone for one in row))
    _count("power beside the oracle, with Storey's π₀", (one.near_oracle for row in shipped for one in row))
    print()


def _count(what: str, held: Iterable[bool]) -> None:
    said = list(held)
    print(f"- {what}: {sum(said)} of {len(said)} hold")


def _without_storey(outcome: Outcome) -> Outcome:
    return replace(outcome, q=q_values(outcome.p, 1.0))


def _print_promises(name: str, experiments: Sequence[Experiment], promises: Sequence[Sequence[Promise]]) -> None:
    print(f"{name}.\n")
    alphas = [f"α {alpha}" for alpha in ALPHAS]
    for title, show in (("true FDR", _true_fdr), ("good pairs kept", _power)):
        cells = [[show(promise) for promise in row] for row in promises]
        print_table(["group", "swapped", *(f"{alpha}: {title}" for alpha in alphas)], _rows(experiments, cells))


def _rows(experiments: Sequence[Experiment], cells: Sequence[Row]) -> list[Row]:
    return [[one.group, f"{one.share:.0%}", *row] for one, row in zip(experiments, cells, strict=True)]


def _true_fdr(promise: Promise) -> str:
    return f"{promise.true_fdr:.3f} ± {promise.error:.3f}{_mark(promise.held)}"


def _power(promise: Promise) -> str:
    """Show what is kept, then by the oracles with one cut, a cut per draw, and one cut at alpha."""
    oracles = (promise.fixed_cut, promise.cut_per_draw, promise.cut_at_alpha)
    return f"{promise.power:.2f}{_mark(promise.near_oracle)}; {' / '.join(f'{kept:.2f}' for kept in oracles)}"


def _level(level: Level) -> str:
    return f"{level.share:.4f} of {level.level + level.margin:.4f}{_mark(level.held)}"


def _mismatch(check: MismatchCheck) -> Row:
    return [
        f"{check.estimate:.3f}",
        *(f"{share:.0%}" for share in (check.covered, check.truth_below, check.truth_above)),
    ]


def _mark(held: bool) -> str:
    return "" if held else f" {FAILS}"


if __name__ == "__main__":
    main()
