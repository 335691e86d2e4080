"""Which of the survivors of rules and duplicates a policy's selection keeps, and how it ranks them."""

import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.calibration import Calibration
from pairsift.core.false_discovery import q_values, unrelated_share
from pairsift.core.policy import Absolute, Fdr, Select, TopFraction, Unmeasurable
from pairsift.core.records import Reason, Verdict
from pairsift.core.rules import Columns

Judgement = tuple[Verdict, Reason | None]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a selection says of every survivor, by ordinal; q where `fdr` tested it, rank where it was ranked."""

    judged: dict[int, Judgement]
    q: dict[int, float]
    rank: dict[int, int]


def select_pairs(select: Select, columns: Columns, survivors: Integers, calibration: Calibration) -> Selection:
    """Select among the survivors (ordinals): those without a value are judged first, the rest are ranked together.

    `fdr` quarantines as SIGNAL_UNMEASURABLE a pair that has the signal but no p-value.
    """
    unmeasured = _judge_unmeasured(select, columns, survivors)
    ranked = _without(survivors, unmeasured)
    if not isinstance(select, Fdr):
        return _select_by_signal(select, columns, ranked, unmeasured)
    p = calibration.p[ranked]
    untested = dict.fromkeys(ranked[np.isnan(p)].tolist(), (Verdict.QUARANTINE, Reason.SIGNAL_UNMEASURABLE))
    return _select_by_fdr(select, calibration, ranked[~np.isnan(p)], unmeasured | untested)


def reach(scores: Floats, ge: float) -> Flags:
    """Mark the scores at or above a fixed value; `scores` is (n,) float64 without NaN."""
    return scores >= ge


def best_share(scores: Floats, fraction: float) -> Flags:
    """Mark the ⌈fraction × n⌉ highest scores and all that tie with the last of them.

    `scores` is (n,) float64 without NaN: n counts the measured survivors of rules and duplicates. DataComp's
    code (`baselines/apply_filter.py`) differs: it counts rows without a score in n, keeps one pair more where
    fraction × n is whole (it cuts at the score *after* the first ⌊fraction × n⌋), and fails at fraction 1.
    The product is taken in decimals: 0.07 of 100 are 7, not 8.
    """
    if len(scores) == 0:
        return np.zeros(0, dtype=np.bool_)
    count = math.ceil(Decimal(str(fraction)) * len(scores))
    cut = float(np.sort(scores)[len(scores) - count])
    return scores >= cut


def discoveries(q: Floats, alpha: float) -> Flags:
    """Mark the pairs whose q-value is at most alpha; `q` is (n,) float64 without NaN."""
    return q <= alpha


def ranks(scores: Floats) -> Integers:
    """Rank scores from 1, the highest first; equal scores share the better rank."""
    ordered = np.sort(scores)
    return 1 + len(scores) - np.searchsorted(ordered, scores, side="right").astype(np.int64)


def _judge_unmeasured(select: Select, columns: Columns, survivors: Integers) -> dict[int, Judgement]:
    """Judge the survivors without a value: nothing ranks them, even if the signal merely does not apply."""
    column = columns.column(select.signal)
    judged: dict[int, Judgement] = {}
    for pair in survivors.tolist():
        why = columns.why_unmeasurable(select.signal, pair)
        if why is None and column[pair] is None:
            why = Reason.SIGNAL_UNMEASURABLE
        if why is not None:
            judged[pair] = (Verdict(select.unmeasurable), None if select.unmeasurable is Unmeasurable.KEEP else why)
    return judged


def _select_by_signal(
    select: Absolute | TopFraction, columns: Columns, ranked: Integers, judged: dict[int, Judgement]
) -> Selection:
    column = columns.column(select.signal)
    scores = np.array([column[pair] for pair in ranked.tolist()], dtype=np.float64)
    kept = reach(scores, select.ge) if isinstance(select, Absolute) else best_share(scores, select.fraction)
    rank = dict(zip(ranked.tolist(), ranks(scores).tolist(), strict=True))
    return Selection(judged | _verdicts(ranked, kept, Reason.BELOW_CUT), {}, rank)


def _select_by_fdr(select: Fdr, calibration: Calibration, tested: Integers, judged: dict[int, Judgement]) -> Selection:
    """Judge all that have a p-value at once: Benjamini and Hochberg's procedure must see every one of them."""
    if len(tested) == 0:
        return Selection(judged, {}, {})
    p = calibration.p[tested]
    q = q_values(p, unrelated_share(p))
    verdicts = _verdicts(tested, discoveries(q, select.alpha), Reason.LIKELY_MISMATCHED)
    rank = ranks(calibration.z[tested])
    pairs = tested.tolist()
    return Selection(
        judged | verdicts, dict(zip(pairs, q.tolist(), strict=True)), dict(zip(pairs, rank.tolist(), strict=True))
    )


def _verdicts(pairs: Integers, kept: Flags, reason: Reason) -> dict[int, Judgement]:
    keep: Judgement = (Verdict.KEEP, None)
    drop: Judgement = (Verdict.DROP, reason)
    return {pair: keep if flag else drop for pair, flag in zip(pairs.tolist(), kept.tolist(), strict=True)}


def _without(pairs: Integers, judged: dict[int, Judgement]) -> Integers:
    return np.array([pair for pair in pairs.tolist() if pair not in judged], dtype=np.int64)
