"""How far a partition's signals, keep rate and share of mismatched pairs lie from those of a reference window."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice

import numpy as np

from pairsift.core.arrays import Floats
from pairsift.core.columns import Column
from pairsift.core.distances import (
    decile_counts,
    homogeneity_p,
    kolmogorov_p,
    largest_difference,
    stability_index,
    word_counts,
)
from pairsift.core.drift_policy import DriftLimits, DriftPolicy
from pairsift.core.false_discovery import q_values
from pairsift.core.sketches import NumberSketch, Sketch, WordSketch, merge_sketches, quantiles, sketch_signals

SIGNIFICANT_Q = 0.05
"""Above it a difference may be chance, whatever its size."""

KEEP_RATE = "keep_rate"
MISMATCHED = "mismatched"

MERGED_AT_ONCE = 64
"""Statistics in memory at once: 64² partitions merge in two steps, so that errors of sketches hardly add up."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is kept of some pairs to tell drift by.

    `tested` pairs have a p-value, `above_half` of them one above ½: an unrelated caption's is as often above as below.
    `kept` is None where they were not all decided by one policy.
    """

    pairs: int
    kept: int | None
    tested: int
    above_half: int
    signals: Mapping[str, Sketch]


@dataclass(frozen=True, slots=True)
class Finding:
    """How one signal, `keep_rate` or `mismatched` differs from the window.

    `before` is the window's and `now` the pairs' median, most frequent word, or share (0–1). A signal has `psi` and
    `ks`, the two shares `points`: now − before, in percentage points. `p` is how likely chance alone makes so large a
    difference, `q` the same adjusted for the number of findings.
    """

    name: str
    before: float | str | None
    now: float | str | None
    p: float
    q: float = 1.0
    psi: float | None = None
    ks: float | None = None
    points: float | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """What a comparison came to: `level` is none, warn or fail; `moved` names the findings behind it, largest first."""

    pairs: int
    reference_pairs: int
    level: str
    moved: tuple[str, ...]
    findings: tuple[Finding, ...]
    limits: DriftPolicy

    def as_json(self) -> dict[str, object]:
        """Write it as it is stored."""
        return {
            "level": self.level,
            "moved": list(self.moved),
            "pairs": self.pairs,
            "reference_pairs": self.reference_pairs,
            "findings": [asdict(finding) for finding in self.findings],
            "limits": self.limits.model_dump(mode="json", exclude_none=True),
        }


def take_statistics(signals: Mapping[str, Column], p: Floats, kept: int) -> Statistics:
    """Take the statistics of a partition's pairs; `p` is (n,) float64, NaN where a pair could not be calibrated."""
    tested = p[~np.isnan(p)]
    above_half = int(np.count_nonzero(tested > 0.5))
    return Statistics(len(p), kept, len(tested), above_half, sketch_signals(signals))


def merge_statistics(parts: Iterable[Statistics]) -> Statistics | None:
    """Take all parts together, a bounded number in memory at once; None of nothing."""
    merged = [_merge_few(few) for few in _by_few(parts)]
    while len(merged) > 1:
        merged = [_merge_few(few) for few in _by_few(merged)]
    return merged[0] if merged else None


def compare(now: Statistics, window: Statistics) -> list[Finding]:
    """Compare pairs with a window, signal by signal; what one side has not measured at all is left out.

    Two shares are compared beside the signals: the keep rate where both sides have one, and the mismatched pairs, of
    which twice the share of p above ½ is an estimate from above (Storey's π₀, Storey, 2002). All q-values are
    Benjamini and Hochberg's over these findings together.
    """
    findings = [
        compare_signal(name, now.signals[name], known)
        for name, known in window.signals.items()
        if name in now.signals and _is_measured(known) and _is_measured(now.signals[name])
    ]
    if now.kept is not None and window.kept is not None and now.pairs:
        findings.append(_compare_share(KEEP_RATE, (now.kept, now.pairs), (window.kept, window.pairs), 1))
    if now.tested and window.tested:
        here, there = (now.above_half, now.tested), (window.above_half, window.tested)
        findings.append(_compare_share(MISMATCHED, here, there, 2))
    q = q_values(np.array([finding.p for finding in findings]), pi0=1.0) if findings else np.empty(0)
    return [replace(finding, q=adjusted) for finding, adjusted in zip(findings, q.tolist(), strict=True)]


def compare_signal(name: str, now: Sketch, window: Sketch) -> Finding:
    """Compare one signal's distributions; by the error of the sketches its p can only be too large."""
    if isinstance(now, NumberSketch) and isinstance(window, NumberSketch):
        distance, error = largest_difference(now, window), max(now.error, window.error)
        p = kolmogorov_p(max(distance - error, 0.0), now.pairs, window.pairs)
        psi = stability_index(*decile_counts(now, window))
        return Finding(name, _median(window), _median(now), p, psi=psi, ks=distance)
    if isinstance(now, WordSketch) and isinstance(window, WordSketch):
        here, there = word_counts(now, window)
        distance = float(np.abs(here / here.sum() - there / there.sum()).sum() / 2)
        before, after = (next(iter(sketch.words), None) for sketch in (window, now))
        return Finding(name, before, after, homogeneity_p(here, there), psi=stability_index(here, there), ks=distance)
    raise TypeError(f"{name} is numbers on one side and words on the other: a bug, report it")


def judge_drift(now: Statistics, window: Statistics, limits: DriftPolicy) -> Drift:
    """Compare, and name what differs significantly (q ≤ SIGNIFICANT_Q) and reaches a limit of the policy's.

    Both are asked: of 10,000 pairs each trifle is significant, and of 50 chance alone makes large distances.
    """
    findings = compare(now, window)
    failing = [finding for finding in findings if _reaches(finding, limits.fail)]
    warning = [finding for finding in findings if _reaches(finding, limits.warn)]
    level = "fail" if failing else "warn" if warning else "none"
    reached = [finding for finding in findings if finding in failing or finding in warning]
    moved = tuple(finding.name for finding in sorted(reached, key=_by_size))
    return Drift(now.pairs, window.pairs, level, moved, tuple(findings), limits)


def _reaches(finding: Finding, limits: DriftLimits | None) -> bool:
    if limits is None or finding.q > SIGNIFICANT_Q:
        return False
    if finding.points is not None:
        limit = limits.keep_rate if finding.name == KEEP_RATE else limits.mismatched
        return _at_least(abs(finding.points), limit)
    watched = not limits.signals or finding.name in limits.signals
    return watched and (_at_least(finding.psi, limits.psi) or _at_least(finding.ks, limits.ks))


def _at_least(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value >= limit


def _by_size(finding: Finding) -> float:
    """Sort the two shares before the signals, and these by their PSI."""
    return -math.inf if finding.psi is None else -finding.psi


def _compare_share(name: str, now: tuple[int, int], window: tuple[int, int], factor: int) -> Finding:
    """Compare two shares given as (count, of); they are `factor` times that, at most 1."""
    here, there = (np.array([count, of - count], dtype=np.float64) for count, of in (now, window))
    after, before = (min(factor * count / of, 1.0) for count, of in (now, window))
    # Rounded, so that from 0.5 to 0.6 it is 10 points and reaches a limit of 10.
    return Finding(name, before, after, homogeneity_p(here, there), points=round(100 * (after - before), 9))


def _is_measured(sketch: Sketch) -> bool:
    return sketch.pairs > sketch.absent


def _median(sketch: NumberSketch) -> float:
    return float(quantiles(sketch, np.array([0.5]))[0])


def _by_few(parts: Iterable[Statistics]) -> Iterator[list[Statistics]]:
    remaining = iter(parts)
    while few := list(islice(remaining, MERGED_AT_ONCE)):
        yield few


def _merge_few(parts: Sequence[Statistics]) -> Statistics:
    names = dict.fromkeys(name for part in parts for name in part.signals)
    kept = [part.kept for part in parts if part.kept is not None]
    return Statistics(
        pairs=sum(part.pairs for part in parts),
        kept=sum(kept) if len(kept) == len(parts) else None,
        tested=sum(part.tested for part in parts),
        above_half=sum(part.above_half for part in parts),
        signals={
            name: merge_sketches([part.signals[name] for part in parts if name in part.signals]) for name in names
        },
    )
