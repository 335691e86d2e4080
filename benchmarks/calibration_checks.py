"""What a calibration promises, checked on draws of which it is known who is swapped. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.swapped_captions import Floats, Outcome, good_kept
from pairsift.core.discrimination import false_share
from pairsift.core.mismatch import estimate_mismatch

LEAST_POWER = 0.9
"""Share of an oracle's power that a selection must have."""

STANDARD_ERRORS = 2


@dataclass(frozen=True, slots=True)
class Promise:
    """Means over the draws of one selection by `fdr`, with the standard error of the true FDR.

    `fixed_cut` and `cut_per_draw` are what two oracles keep of the good pairs; both know who is swapped. The first has
    one cut on z for all draws, the lowest whose mean true FDR is no higher than the selection's; the second has in
    every draw the lowest cut whose true FDR is no higher than the selection's in that draw. `cut_at_alpha` is as the
    first, but its mean true FDR may be alpha.
    """

    alpha: float
    true_fdr: float
    error: float
    power: float
    fixed_cut: float
    cut_per_draw: float
    cut_at_alpha: float

    @property
    def held(self) -> bool:
        """Whether the mean true FDR is at most alpha and its margin."""
        return self.true_fdr <= self.alpha + STANDARD_ERRORS * self.error

    @property
    def near_oracle(self) -> bool:
        """Whether as good as the one cut for all draws, nearly: that has the same true FDR, which is a mean."""
        return self.power >= LEAST_POWER * self.fixed_cut


@dataclass(frozen=True, slots=True)
class Level:
    """How many of all draws' swapped pairs have p ≤ `level`; `margin` is two binomial standard errors."""

    level: float
    share: float
    margin: float

    @property
    def held(self) -> bool:
        """Whether the share is at most the level and its margin."""
        return self.share <= self.level + self.margin


@dataclass(frozen=True, slots=True)
class MismatchCheck:
    """The estimated share of mismatched pairs: its mean over the draws, and how often its interval holds the truth."""

    truth: float
    estimate: float
    covered: float
    truth_below: float
    truth_above: float


def check_promise(outcomes: Sequence[Outcome], alpha: float) -> Promise:
    """Compare the pairs with q ≤ alpha with the truth and with what oracles would keep."""
    false = np.array([false_share(one.q <= alpha, one.draw.swapped) for one in outcomes])
    mean = float(false.mean())
    return Promise(
        alpha=alpha,
        true_fdr=mean,
        error=_standard_error(false),
        power=float(np.mean([good_kept(one, alpha) for one in outcomes])),
        fixed_cut=best_cut(outcomes, mean),
        cut_per_draw=float(np.mean([best_cut([one], share) for one, share in zip(outcomes, false, strict=True)])),
        cut_at_alpha=best_cut(outcomes, alpha),
    )


def best_cut(outcomes: Sequence[Outcome], allowed: float) -> float:
    """Return the mean share of good pairs above the best cut on z of those whose mean true FDR is at most `allowed`."""
    cuts = np.append(np.unique(np.concatenate([one.scores["z"] for one in outcomes])), np.inf)
    good, false = (np.mean(rows, axis=0) for rows in zip(*(_above(one, cuts) for one in outcomes), strict=True))
    return float(good[false <= allowed + 1e-12].max())


def check_level(outcomes: Sequence[Outcome], level: float) -> Level:
    """Count how often an unrelated caption is given a p this small."""
    p = np.concatenate([one.p[one.draw.swapped] for one in outcomes])
    margin = STANDARD_ERRORS * np.sqrt(level * (1 - level) / len(p))
    return Level(level, float((p <= level).mean()), float(margin))


def check_mismatch(outcomes: Sequence[Outcome], seed: int) -> MismatchCheck:
    """Compare the estimated share of mismatched pairs with the true one, the interval's ends included."""
    found = [estimate_mismatch(one.p, np.random.default_rng([seed, number])) for number, one in enumerate(outcomes)]
    share, low, high = np.array([(one.share, one.low, one.high) for one in found if one is not None]).T
    truth = np.array([one.draw.swapped.mean() for one in outcomes])
    below, above = float((truth < low).mean()), float((truth > high).mean())
    return MismatchCheck(float(truth.mean()), float(share.mean()), 1 - below - above, below, above)


def _above(outcome: Outcome, cuts: Floats) -> tuple[Floats, Floats]:
    """Count for each of c cuts the pairs at or above it: the share of the good ones, and the share of false ones."""
    z, swapped = outcome.scores["z"], outcome.draw.swapped
    good, bad = (len(side) - np.searchsorted(np.sort(side), cuts) for side in (z[~swapped], z[swapped]))
    return good / (~swapped).sum(), bad / np.maximum(1, good + bad)


def _standard_error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
