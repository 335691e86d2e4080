"""One decision for every pair of a partition: unreadable, then rules, then copies, then the selection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Flags, Integers
from pairsift.core.calibration import CalibrationSummary, calibrate
from pairsift.core.double_normalisation import Embedded
from pairsift.core.duplicates import exact_copies
from pairsift.core.policy import ALIGNMENT, Policy
from pairsift.core.records import Reason, SignalValue, Verdict
from pairsift.core.rules import Columns, explain_failure, first_failures
from pairsift.core.selection import Judgement, select_pairs

UNREADABLE: tuple[Reason, ...] = (
    Reason.IMAGE_MISSING,
    Reason.IMAGE_EMPTY,
    Reason.IMAGE_FILE_TOO_LARGE,
    Reason.IMAGE_UNKNOWN_FORMAT,
    Reason.IMAGE_CORRUPT,
    Reason.IMAGE_TOO_MANY_PIXELS,
    Reason.CAPTION_MISSING,
    Reason.CAPTION_NOT_UTF8,
    Reason.CAPTION_TOO_LONG,
    Reason.CAPTION_EMPTY,
)
"""The image or the caption cannot be read: always quarantine. In order: the image's reason is told first."""


@dataclass(frozen=True, slots=True)
class PairTable:
    """A partition's n pairs in its order (ordinal = index), as they were measured.

    `captions` are cleaned; `signals` are columns by name, None where not measured; `unmeasurable` says of a pair's
    signals why. The embeddings are (n, d) float32 unit rows, NaN where absent.
    """

    uids: Sequence[str]
    image_sha256: Sequence[str | None]
    captions: Sequence[str | None]
    signals: Mapping[str, Sequence[SignalValue]]
    unmeasurable: Sequence[Mapping[str, Reason]]
    image_embedding: npt.NDArray[np.float32]
    text_embedding: npt.NDArray[np.float32]

    @property
    def columns(self) -> Columns:
        """The signals alone."""
        return Columns(self.signals, self.unmeasurable)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one pair; `reason` is None exactly if it is kept.

    z and p are there where the pair could be calibrated, q where `fdr` tested it, `rank` (1 is best, ties share
    the better one) where the selection ranked it. `multiplicity` is how often an export repeats a kept pair.
    """

    verdict: Verdict
    reason: Reason | None
    alignment_z: float | None = None
    alignment_p: float | None = None
    alignment_q: float | None = None
    rank: int | None = None
    multiplicity: int = 1


@dataclass(frozen=True, slots=True)
class PartitionDecision:
    """One decision a pair, in the table's order, and the calibration behind them, if there could be one."""

    decisions: list[Decision]
    calibration: CalibrationSummary | None


def decide(table: PairTable, policy: Policy) -> PartitionDecision:
    """Decide every pair of a partition.

    Without a calibration (see `calibrate`: too few measurable survivors, or no spread) there is no z and no p;
    `fdr` then cannot decide and quarantines its survivors as SIGNAL_UNMEASURABLE, whatever its `unmeasurable` says.
    ConfigError if the policy asks for a signal that the table has not got.
    """
    judged = _judge_alone(table, policy)
    survivors = np.array([pair for pair in range(len(table.uids)) if pair not in judged], dtype=np.int64)
    embedded = Embedded(
        table.image_embedding, table.text_embedding, _identities(table.captions), _identities(table.image_sha256)
    )
    calibrated = calibrate(embedded, table.uids, _measurable(table), survivors)
    selection = select_pairs(policy.select, table.columns, survivors, calibrated)
    judged |= selection.judged
    decisions = [
        Decision(
            *judged[pair],
            alignment_z=_present(calibrated.z[pair]),
            alignment_p=_present(calibrated.p[pair]),
            alignment_q=selection.q.get(pair),
            rank=selection.rank.get(pair),
        )
        for pair in range(len(table.uids))
    ]
    return PartitionDecision(decisions, calibrated.summary)


def explain_rule(policy: Policy, values: Mapping[str, SignalValue], unmeasurable: Mapping[str, Reason]) -> str | None:
    """Tell which rule a pair fails first, with threshold, unit and measured value; None if it passes them all.

    A pair that cannot be read is told as such: no rule is tried on it.
    """
    unreadable = _unreadable_reason(unmeasurable)
    if unreadable is not None:
        return f"cannot be read → {Verdict.QUARANTINE} ({unreadable})"
    asked = {condition.signal for rule in policy.rules for condition in (rule, *rule.unless)}
    columns = Columns({signal: [values.get(signal)] for signal in asked}, [unmeasurable])
    failure = first_failures(policy.rules, columns, np.zeros(1, dtype=np.int64)).get(0)
    return None if failure is None else explain_failure(policy.rules[failure.number - 1], failure, columns, 0)


def _judge_alone(table: PairTable, policy: Policy) -> dict[int, Judgement]:
    """Judge what needs no comparison of scores: unreadable pairs, failed rules, exact copies."""
    reasons = {pair: _unreadable_reason(known) for pair, known in enumerate(table.unmeasurable)}
    judged: dict[int, Judgement] = {pair: (Verdict.QUARANTINE, why) for pair, why in reasons.items() if why is not None}
    readable = np.array([pair for pair, why in reasons.items() if why is None], dtype=np.int64)
    failures = first_failures(policy.rules, table.columns, readable)
    judged |= {pair: (failure.verdict, failure.reason) for pair, failure in failures.items()}
    if policy.duplicates == "drop":
        left = [pair for pair in readable.tolist() if pair not in failures]
        copies = exact_copies([table.uids[pair] for pair in left])
        copied = (pair for pair, copy in zip(left, copies, strict=True) if copy)
        judged |= dict.fromkeys(copied, (Verdict.DROP, Reason.EXACT_DUPLICATE))
    return judged


def _unreadable_reason(unmeasurable: Mapping[str, Reason]) -> Reason | None:
    found = set(unmeasurable.values())
    return next((reason for reason in UNREADABLE if reason in found), None)


def _measurable(table: PairTable) -> Flags:
    """Mark the pairs with both embeddings, of which the alignment is not known to be unmeasurable."""
    present = np.isfinite(table.image_embedding).all(axis=1) & np.isfinite(table.text_embedding).all(axis=1)
    known = np.array([ALIGNMENT not in reasons for reasons in table.unmeasurable], dtype=np.bool_)
    return np.asarray(present & known & (table.image_embedding.shape[1] > 0), dtype=np.bool_)


def _identities(values: Sequence[str | None]) -> Integers:
    """Number equal values alike; an absent one is like no other."""
    numbers: dict[str | int, int] = {}
    keys = (position if value is None else value for position, value in enumerate(values))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _present(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
