"""Measure how often drift is told where there is none, and how small a shift is seen, on draws of the sample.

The sample is curated once. A draw parts its pairs at random into a window and a day, so that nothing has moved; days of
10,000 pairs and windows of 100,000 are drawn with replacement. In a moved day every picture is darker by a factor.
"""

import argparse
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from benchmarks.planted_defects import curated_sample
from pairsift.core.arrays import Floats, Integers
from pairsift.core.columns import Column
from pairsift.core.drift import SIGNIFICANT_Q, Finding, Statistics, compare, judge_drift, take_statistics
from pairsift.core.drift_policy import LARGE_PSI, DriftPolicy
from pairsift.core.signals import SIGNALS

SMALL_PSI = 0.1
BRIGHTNESS = "image.brightness"
SIZES = ((148, 25), (148, 75), (111, 112), (100_000, 10_000))
FACTORS = (1.0, 0.99, 0.9, 0.8, 0.65, 0.5)

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
    pairs = curated_sample()
    print(f"{len(pairs)} pairs, {options.draws} draws, seed {options.seed}\n")
    print(f"| window, day | {' | '.join(RULES)} |", "|---" * (1 + len(RULES)) + "|", sep="\n")
    for sizes in SIZES:
        found = [compare(day, window) for window, day in _draws(pairs, sizes, options)]
        shares = [np.mean([rule(findings) for findings in found]) for rule in RULES.values()]
        print(f"| {sizes[0]:,}, {sizes[1]:,} | {' | '.join(f'{share:.1%}' for share in shares)} |")
    print(f"\n| {BRIGHTNESS} × | {' | '.join(f'{w:,}, {d:,}' for w, d in SIZES)} |", "|---" * 5 + "|", sep="\n")
    for factor in FACTORS:
        told = [_share_told(pairs, sizes, options, factor) for sizes in SIZES]
        print(f"| {factor} | {' | '.join(told)} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=500, help="draws of each pair of sizes")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws")
    return parser.parse_args()


def _draws(
    pairs: pd.DataFrame, sizes: tuple[int, int], options: argparse.Namespace, factor: float = 1.0
) -> list[tuple[Statistics, Statistics]]:
    rng = np.random.default_rng(options.seed)
    draws = options.draws if sum(sizes) <= len(pairs) else options.draws // 10
    darker = pairs.assign(image_brightness=factor * pairs["image_brightness"])
    return [_draw(rng, pairs, darker, sizes) for _ in range(draws)]


def _draw(
    rng: np.random.Generator, pairs: pd.DataFrame, darker: pd.DataFrame, sizes: tuple[int, int]
) -> tuple[Statistics, Statistics]:
    window, day = sizes
    chosen = rng.choice(len(pairs), window + day, replace=window + day > len(pairs))
    return _statistics(pairs, chosen[:window]), _statistics(darker, chosen[window:])


def _statistics(pairs: pd.DataFrame, chosen: Integers) -> Statistics:
    taken = pairs.iloc[chosen]
    signals = {s.name: _column(taken[s.column], words=s.type == "str") for s in SIGNALS}
    p: Floats = taken["pair_alignment_p"].to_numpy(np.float64)
    return take_statistics(signals, p, kept=int(taken["kept"].sum()))


def _column(values: "pd.Series[str]", *, words: bool) -> Column:
    return values.astype(object).where(values.notna(), None).to_numpy() if words else values.to_numpy(np.float64)


def _share_told(pairs: pd.DataFrame, sizes: tuple[int, int], options: argparse.Namespace, factor: float) -> str:
    drifts = [judge_drift(day, window, DriftPolicy()) for window, day in _draws(pairs, sizes, options, factor)]
    found = [next(f for f in drift.findings if f.name == BRIGHTNESS) for drift in drifts]
    told = np.mean([BRIGHTNESS in drift.moved for drift in drifts])
    psi = np.mean([f.psi for f in found if f.psi is not None])
    significant = np.mean([f.q <= SIGNIFICANT_Q for f in found])
    return f"{told:.1%} (PSI {psi:.2f}, q ≤ 0.05 in {significant:.0%})"


def _is_large(finding: Finding, psi: float) -> bool:
    return finding.psi is not None and finding.psi >= psi


if __name__ == "__main__":
    main()
