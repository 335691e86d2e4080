"""Which of the survivors of rules and duplicates a policy's selection keeps, and how it ranks them."""

import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.calibration import Calibrated
from pairsift.core.columns import Columns
from pairsift.core.false_discovery import q_values, unrelated_share
from pairsift.core.judgements import DROP, KEEP, QUARANTINE, VERDICTS, Judgements, keep_all, overrule, reason_code
from pairsift.core.policy import Absolute, Fdr, Select, TopFraction, Unmeasurable
from pairsift.core.records import Reason, Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What a selection says of each of n survivors: q NaN where `fdr` did not test it, rank 0 where not ranked."""

    judged: Judgements
    q: Floats
    rank: Integers


def select_pairs(select: Select, columns: Columns, survivors: Integers, calibrated: Calibrated) -> Selection:
    """Select among the survivors (ordinals): those without a value are judged first, the rest are ranked together.

    `fdr` quarantines as SIGNAL_UNMEASURABLE a pair that has the signal but no p-value.
    """
    scores = columns.numbers(select.signal)[survivors]
    judged = _judge_unmeasured(select, columns, survivors, np.isnan(scores))
    if isinstance(select, Fdr):
        return _select_by_fdr(select, calibrated.z[survivors], calibrated.p[survivors], judged, ~np.isnan(scores))
    return _select_by_signal(select, scores, judged)


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


def _judge_unmeasured(select: Select, columns: Columns, survivors: Integers, absent: Flags) -> Judgements:
    """Judge the survivors without a value: nothing ranks them, even if the signal merely does not apply."""
    if select.unmeasurable is Unmeasurable.KEEP:
        return keep_all(len(survivors))
    known = columns.why_absent(select.signal)[survivors]
    why = np.where(known > 0, known, reason_code(Reason.SIGNAL_UNMEASURABLE))
    verdict = VERDICTS.index(Verdict(select.unmeasurable))
    return Judgements(
        np.where(absent, verdict, KEEP).astype(np.uint8),
        np.where(absent, why, 0).astype(np.uint8),
    )


def _select_by_signal(select: Absolute | TopFraction, scores: Floats, judged: Judgements) -> Selection:
    ranked = np.flatnonzero(~np.isnan(scores))
    values = scores[ranked]
    kept = reach(values, select.ge) if isinstance(select, Absolute) else best_share(values, select.fraction)
    said = overrule(judged, ranked, _verdicts(kept, Reason.BELOW_CUT))
    return Selection(said, np.full(len(scores), np.nan), _spread(ranks(values), ranked, len(scores)))


def _select_by_fdr(select: Fdr, z: Floats, p: Floats, judged: Judgements, measured: Flags) -> Selection:
    """Judge all that have a p-value at once: Benjamini and Hochberg's procedure must see every one of them."""
    q = np.full(len(p), np.nan)
    untested = np.flatnonzero(measured & np.isnan(p))
    judged = overrule(judged, untested, _all_unmeasured(len(untested)))
    tested = np.flatnonzero(measured & ~np.isnan(p))
    if len(tested) == 0:
        return Selection(judged, q, np.zeros(len(p), dtype=np.int64))
    q[tested] = q_values(p[tested], unrelated_share(p[tested]))
    said = overrule(judged, tested, _verdicts(discoveries(q[tested], select.alpha), Reason.LIKELY_MISMATCHED))
    return Selection(said, q, _spread(ranks(z[tested]), tested, len(p)))


def _all_unmeasured(count: int) -> Judgements:
    unmeasured = reason_code(Reason.SIGNAL_UNMEASURABLE)
    return Judgements(np.full(count, QUARANTINE, dtype=np.uint8), np.full(count, unmeasured, dtype=np.uint8))


def _verdicts(kept: Flags, reason: Reason) -> Judgements:
    return Judgements(
        np.where(kept, KEEP, DROP).astype(np.uint8), np.where(kept, 0, reason_code(reason)).astype(np.uint8)
    )


def _spread(ranked: Integers, places: Integers, count: int) -> Integers:
    """Put ranks at their places among `count`; 0 elsewhere."""
    rank = np.zeros(count, dtype=np.int64)
    rank[places] = ranked
    return rank
