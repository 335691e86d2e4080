"""A data set's calibration: an immutable reference set of pairs, and every pair's z and p against their cross pairs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.double_normalisation import Reference, calibrated_z, null_z, prepare_reference
from pairsift.core.embedded import Embedded, number_alike
from pairsift.core.false_discovery import p_values
from pairsift.core.fingerprint import fingerprint
from pairsift.core.neg_clip_loss import neg_clip_loss

REFERENCE_PAIRS = 1000
"""Size of the reference set: a pooled null of a million; time and memory grow with its square."""

CALIBRATION_RULE = f"dataset:{REFERENCE_PAIRS}:v1"
"""Names the choice of the reference set and the formulas of z and p; raise the version when either changes."""

MIN_REFERENCE_PAIRS = 10
"""With fewer, moments of at most 8 values would stand for all unrelated captions."""

UNCALIBRATED = "none"
"""Stands for the calibration in the identity of a decision that was made without one."""

_SET_DIGITS = 16
"""Of the fingerprint of each evaluation set in a basis, of which a policy may name many."""

_OUTSIDE = -1
"""The number of a caption or picture that no reference pair has."""


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedPairs:
    """n pairs as calibration sees them; equal captions or equal pictures (sha256 of the file) make pairs related.

    `image` and `text` are (n, d) floating unit rows; `values` are their signals that are numbers, (n,) float64 by name,
    NaN where absent.
    """

    uids: Sequence[str]
    captions: Sequence[str | None]
    pictures: Sequence[str | None]
    image: npt.NDArray[np.floating]
    text: npt.NDArray[np.floating]
    values: Mapping[str, Floats] = field(default_factory=dict)

    def take(self, rows: Integers) -> "EmbeddedPairs":
        """Copy some pairs, by their ordinals."""
        places = rows.tolist()
        return EmbeddedPairs(
            [self.uids[row] for row in places],
            [self.captions[row] for row in places],
            [self.pictures[row] for row in places],
            self.image[rows],
            self.text[rows],
            {name: values[rows] for name, values in self.values.items()},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A reference set ready to judge by.

    Its moments, its nulls (N,) float64 ascending, the numbers of its captions and pictures, and its m pairs' signals by
    name, (m,) float64.
    """

    fingerprint: str
    reference: Reference
    nulls: Floats
    captions: dict[str, int]
    pictures: dict[str, int]
    values: Mapping[str, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """z and p of n pairs, (n,) float64, NaN where a pair has none."""

    z: Floats
    p: Floats


@dataclass(frozen=True, slots=True)
class CalibrationFacts:
    """What a calibration rests on: `null_quantiles` are the 0th to 100th percentile of the nulls' z."""

    rule: str
    n_reference: int
    n_null: int
    null_quantiles: tuple[float, ...] = field(repr=False)


def calibration_fingerprint(score_fingerprint: str, uids: Sequence[str]) -> str:
    """Identify a calibration: its rule, how its pairs were scored, and which they are."""
    return fingerprint({"rule": CALIBRATION_RULE, "score": score_fingerprint, "uids": list(uids)})


def references_basis(calibration: str | None, target: str | None = None, evaluation: Iterable[str] = ()) -> str:
    """Name what pairs are compared with: calibration, target set and evaluation sets, in this order."""
    sets = ",".join(fingerprint[:_SET_DIGITS] for fingerprint in evaluation)
    return f"{calibration or UNCALIBRATED}{'@' * bool(target)}{target or ''}{'#' * bool(sets)}{sets}"


def decision_basis(references: str, pools: str = "", copies: str = "") -> str:
    """Name what decisions rest on beside scores and policy: a `references_basis`, and what other partitions say.

    The latter by digests: of a run's pools, and of the copies that were found in the data set.
    """
    return f"{references}+{pools}+{copies}".rstrip("+")


def references_of(basis: str) -> str:
    """Give the part of a basis that is not other partitions': calibration, target set and evaluation sets."""
    return basis.partition("+")[0]


def calibration_of(basis: str) -> str:
    """Give the calibration's part of a basis."""
    return _references(basis)[0].partition("@")[0]


def target_of(basis: str) -> str | None:
    """Give the target set's part of a basis; None without one."""
    return _references(basis)[0].partition("@")[2] or None


def evaluation_of(basis: str) -> str:
    """Give the evaluation sets' part of a basis; empty without any."""
    return _references(basis)[1]


def pilot_order(keys: Iterable[str]) -> list[str]:
    """Order a data set's partitions as pilots, the ones a reference set is drawn from: by hash, which is no day's."""
    return sorted(keys, key=lambda key: (fingerprint({"pilot": key}), key))


def choose_reference(uids: Sequence[str], candidates: Integers) -> Integers:
    """Choose among candidates (ordinals) the REFERENCE_PAIRS smallest uids, each once: an order-free random choice."""
    chosen: dict[str, int] = {}
    for ordinal in in_uid_order(uids, candidates).tolist():
        chosen.setdefault(uids[ordinal], ordinal)
        if len(chosen) == REFERENCE_PAIRS:
            break
    return np.array(list(chosen.values()), dtype=np.int64)


def draw_calibration(pairs: EmbeddedPairs, candidates: Integers, score_fingerprint: str) -> Calibration | None:
    """Make a calibration of the reference set chosen among candidates (ordinals); None as `prepare_calibration`."""
    return prepare_calibration(pairs.take(choose_reference(pairs.uids, candidates)), score_fingerprint)


def prepare_calibration(reference: EmbeddedPairs, score_fingerprint: str) -> Calibration | None:
    """Compute what every pair is held against; `reference` is in the order of `choose_reference`.

    None with fewer than MIN_REFERENCE_PAIRS, or if no cross pair of theirs has a z (embeddings without spread, one
    caption throughout).
    """
    if len(reference.uids) < MIN_REFERENCE_PAIRS:
        return None
    captions, pictures = number_alike(reference.captions), number_alike(reference.pictures)
    prepared = prepare_reference(Embedded(reference.image, reference.text, captions, pictures))
    nulls = np.sort(null_z(prepared))
    if len(nulls) == 0:
        return None
    return Calibration(
        fingerprint=calibration_fingerprint(score_fingerprint, reference.uids),
        reference=prepared,
        nulls=nulls,
        captions=_known(reference.captions, captions),
        pictures=_known(reference.pictures, pictures),
        values=reference.values,
    )


def calibration_facts(calibration: Calibration) -> CalibrationFacts:
    """Sum up what a calibration rests on."""
    return CalibrationFacts(
        rule=CALIBRATION_RULE,
        n_reference=len(calibration.reference.pairs),
        n_null=len(calibration.nulls),
        null_quantiles=tuple(np.quantile(calibration.nulls, np.linspace(0, 1, 101)).tolist()),
    )


def calibrate(calibration: Calibration | None, pairs: EmbeddedPairs, measurable: Flags) -> Calibrated:
    """Give every measurable pair, `measurable` (n,) bool, a z and a p; none where there is no calibration.

    The pairs may be the reference's own: those are left out of the moments that they are held against.
    """
    z = np.full(len(pairs.uids), np.nan)
    if calibration is None:
        return Calibrated(z, z)
    # In an order that the content alone gives, so that the blocks of a permuted table hold the same pairs.
    rows = in_uid_order(pairs.uids, np.flatnonzero(measurable))
    z[rows] = calibrated_z(_embedded(pairs, calibration), rows, calibration.reference)
    return Calibrated(z, p_values(z, calibration.nulls))


def contrast(calibration: Calibration | None, pairs: EmbeddedPairs, measurable: Flags, temperature: float) -> Floats:
    """Give every measurable pair its negCLIPLoss against the reference set: (n,) float64, NaN as `calibrate`."""
    scores = np.full(len(pairs.uids), np.nan)
    if calibration is not None:
        rows = in_uid_order(pairs.uids, np.flatnonzero(measurable))  # as there
        scores[rows] = neg_clip_loss(_embedded(pairs, calibration), rows, calibration.reference, temperature)
    return scores


def in_uid_order(uids: Sequence[str], ordinals: Integers) -> Integers:
    """Sort ordinals by (uid, ordinal)."""
    return np.array(sorted(ordinals.tolist(), key=lambda ordinal: (uids[ordinal], ordinal)), dtype=np.int64)


def _references(basis: str) -> tuple[str, str]:
    calibrated, _, evaluation = references_of(basis).partition("#")
    return calibrated, evaluation


def _embedded(pairs: EmbeddedPairs, calibration: Calibration) -> Embedded:
    """Number captions and pictures as the reference set does, those that it has not got _OUTSIDE."""
    captions = [_OUTSIDE if value is None else calibration.captions.get(value, _OUTSIDE) for value in pairs.captions]
    pictures = [_OUTSIDE if value is None else calibration.pictures.get(value, _OUTSIDE) for value in pairs.pictures]
    return Embedded(pairs.image, pairs.text, np.array(captions, np.int64), np.array(pictures, np.int64))


def _known(values: Sequence[str | None], numbers: Integers) -> dict[str, int]:
    return {value: number for value, number in zip(values, numbers.tolist(), strict=True) if value is not None}
