"""Measure how often drift is told where there is none, and how small a shift is seen, on draws of the sample.

The sample is curated once. A draw parts its pairs at random into a window and a day, so that nothing has moved; days of
10,000 pairs and windows of 100,000 are drawn with replacement. In a moved day every picture is darker by a factor.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from benchmarks.planted_defects import curated_sample
from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.columns import Column
from pairsift.core.drift import SIGNIFICANT_Q, Finding, Statistics, compare, judge_drift, take_statistics
from pairsift.core.drift_policy import LARGE_PSI, DriftPolicy
from pairsift.core.signals import SIGNALS

SMALL_PSI = 0.1
BRIGHTNESS = "image.brightness"
SIZES = ((148, 25), (148, 75), (111, 112), (100_000, 10_000))
FACTORS = (1.0, 0.99, 0.9, 0.8, 0.65)


@dataclass(frozen=True)
class Pairs:
    """What is drawn from: columns, p-values and whether a pair was kept, each of n pairs."""

    signals: Mapping[str, Column]
    p: Floats
    kept: Flags


Rule = Callable[[Sequence[Finding]], bool]
RULES: dict[str, Rule] = {
    "as shipped": lambda found: any(_is_large(f, LARGE_PSI) and f.q <= SIGNIFICANT_Q for f in found),
    "PSI ≥ 0.25 alone": lambda found: any(_is_large(f, LARGE_PSI) for f in found),
    "PSI ≥ 0.1 alone": lambda found: any(_is_large(f, SMALL_PSI) for f in found),
    "q ≤ 0.05 alone": lambda found: any(f.q <= SIGNIFICANT_Q for f in found),
    "p ≤ 0.05 alone": lambda found: any(f.p <= SIGNIFICANT_Q for f in found),
}


def main() -> None:
    """Print both tables as Markdown."""
    options = _options()
    pairs = _read(curated_sample())
    print(f"{len(pairs.kept)} pairs, {options.draws} draws, seed {options.seed}\n")
    _print_row("window, day", list(RULES))
    _print_row("---", ["---"] * len(RULES))
    for sizes in SIZES:
        found = [compare(day, window) for window, day in _draws(pairs, pairs, sizes, options)]
        shares = [np.mean([rule(findings) for findings in found]) for rule in RULES.values()]
        _print_row(_named(sizes), [f"{share:.1%}" for share in shares])
    print()
    _print_row(f"{BRIGHTNESS} ×", [_named(sizes) for sizes in SIZES])
    _print_row("---", ["---"] * len(SIZES))
    for factor in FACTORS:
        darker = replace(pairs, signals={**pairs.signals, BRIGHTNESS: factor * pairs.signals[BRIGHTNESS]})
        _print_row(str(factor), [_share_told(_draws(pairs, darker, sizes, options)) for sizes in SIZES])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=500, help="draws of each pair of sizes; a tenth of large ones")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws")
    return parser.parse_args()


def _read(pairs: pd.DataFrame) -> Pairs:
    words = {s.name for s in SIGNALS if s.type == "str"}
    columns = {s.name: pairs[s.column] for s in SIGNALS}
    return Pairs(
        signals={
            name: column.astype(object).where(column.notna(), None).to_numpy()
            if name in words
            else column.to_numpy(np.float64)
            for name, column in columns.items()
        },
        p=pairs["pair_alignment_p"].to_numpy(np.float64),
        kept=pairs["kept"].to_numpy(np.bool_),
    )


def _draws(
    pairs: Pairs, moved: Pairs, sizes: tuple[int, int], options: argparse.Namespace
) -> Iterator[tuple[Statistics, Statistics]]:
    rng = np.random.default_rng(options.seed)
    window, day = sizes
    again = window + day > len(pairs.kept)
    for _ in range(options.draws // 10 if again else options.draws):
        chosen = rng.choice(len(pairs.kept), window + day, replace=again)
        yield _statistics(pairs, chosen[:window]), _statistics(moved, chosen[window:])


def _statistics(pairs: Pairs, chosen: Integers) -> Statistics:
    signals = {name: column[chosen] for name, column in pairs.signals.items()}
    return take_statistics(signals, pairs.p[chosen], kept=int(pairs.kept[chosen].sum()))


def _share_told(draws: Iterator[tuple[Statistics, Statistics]]) -> str:
    drifts = [judge_drift(day, window, DriftPolicy()) for window, day in draws]
    found = [next(f for f in drift.findings if f.name == BRIGHTNESS) for drift in drifts]
    told = np.mean([BRIGHTNESS in drift.moved for drift in drifts])
    psi = np.mean([f.psi for f in found if f.psi is not None])
    significant = np.mean([f.q <= SIGNIFICANT_Q for f in found])
    return f"{told:.1%} (PSI {psi:.2f}, q ≤ 0.05 in {significant:.0%})"


def _named(sizes: tuple[int, int]) -> str:
    return f"{sizes[0]:,}, {sizes[1]:,}"


def _print_row(first: str, cells: Sequence[str]) -> None:
    print(f"| {first} | {' | '.join(cells)} |")


def _is_large(finding: Finding, psi: float) -> bool:
    return finding.psi is not None and finding.psi >= psi


if __name__ == "__main__":
    main()
