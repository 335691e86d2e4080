"""A partition's calibration: which pairs it refers to, and every pair's z and p against their cross pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.double_normalisation import Embedded, calibrated_z, null_z, prepare_reference
from pairsift.core.false_discovery import p_values, unrelated_share
from pairsift.core.fingerprint import fingerprint

REFERENCE_PAIRS = 1000
"""Size of the reference set: a pooled null of a million; time and memory grow with its square."""

CALIBRATION_RULE = f"partition:{REFERENCE_PAIRS}:v1"
"""Names the choice of the reference set and the formulas of z and p; raise the version when either changes."""

MIN_REFERENCE_PAIRS = 10
"""With fewer, moments of at most 8 values would stand for all unrelated captions."""


@dataclass(frozen=True, slots=True)
class CalibrationSummary:
    """What the reference set said.

    `fingerprint` names rule and members of the reference set (not the encoder, which the score fingerprint names);
    `null_quantiles` are the 0th to 100th percentile of the nulls' z; `pi0` estimates from above the share of
    mismatched pairs among the `n_tested` survivors that have a p-value (None without any).
    """

    fingerprint: str
    n_reference: int
    n_null: int
    null_quantiles: tuple[float, ...]
    pi0: float | None
    n_tested: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """z and p of n pairs, (n,) float64, NaN where a pair has none; no summary if there was no calibration."""

    z: Floats
    p: Floats
    summary: CalibrationSummary | None


def calibrate(pairs: Embedded, uids: Sequence[str], measurable: Flags, survivors: Integers) -> Calibration:
    """Give every measurable pair a z and a p, dropped ones too, against a reference set of survivors.

    `measurable` is (n,) bool, `survivors` are ordinals. All is NaN with fewer than MIN_REFERENCE_PAIRS measurable
    survivors, or if no cross pair of theirs has a z (embeddings without spread, one caption throughout).
    """
    z = np.full(len(uids), np.nan)
    reference = in_uid_order(uids, survivors[measurable[survivors]])[:REFERENCE_PAIRS]
    if len(reference) < MIN_REFERENCE_PAIRS:
        return Calibration(z, z, None)
    prepared = prepare_reference(pairs.take(reference))
    nulls = null_z(prepared)
    if len(nulls) == 0:
        return Calibration(z, z, None)
    # In an order that the content alone gives, so that the blocks of a permuted table hold the same pairs.
    rows = in_uid_order(uids, np.flatnonzero(measurable))
    z[rows] = calibrated_z(pairs, rows, prepared)
    p = p_values(z, nulls)
    summary = _summarise([uids[pair] for pair in reference.tolist()], nulls, p[survivors])
    return Calibration(z, p, summary)


def in_uid_order(uids: Sequence[str], ordinals: Integers) -> Integers:
    """Sort ordinals by (uid, ordinal)."""
    return np.array(sorted(ordinals.tolist(), key=lambda ordinal: (uids[ordinal], ordinal)), dtype=np.int64)


def _summarise(reference_uids: Sequence[str], nulls: Floats, p: Floats) -> CalibrationSummary:
    tested = p[~np.isnan(p)]
    return CalibrationSummary(
        fingerprint=fingerprint({"rule": CALIBRATION_RULE, "uids": list(reference_uids)}),
        n_reference=len(reference_uids),
        n_null=len(nulls),
        null_quantiles=tuple(np.quantile(nulls, np.linspace(0, 1, 101)).tolist()),
        pi0=unrelated_share(tested) if len(tested) > 0 else None,
        n_tested=len(tested),
    )
