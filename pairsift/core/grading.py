"""What a policy makes of an exam: the faults it catches, what that costs, and whether `fdr` keeps its promise.

A fault is planted in a tenth of the originals at a time, in turns, so that each is planted once while the others are
as they were: all of them are then decided together.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.calibration import calibrate, draw_calibration
from pairsift.core.deciding import calibratable, decide, run_pools
from pairsift.core.discrimination import false_share, interval, weighted_share
from pairsift.core.examining import PlantedPairs, Sheet
from pairsift.core.judgements import REASONS
from pairsift.core.judging import PairTable, judge_alone
from pairsift.core.norm_sim import TargetSet
from pairsift.core.planting import Fault
from pairsift.core.policy import Policy
from pairsift.core.records import Reason
from pairsift.core.relative import References, complete, frozen_pools, relative_signals
from pairsift.core.selects import Fdr

TURNS = 10
"""In each turn a fault is planted in one of so many originals."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the originals with its 95 % bootstrap interval by picture."""

    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FaultGrade:
    """What became of the pairs with one fault: the share not kept, and theirs among all that were not kept."""

    fault: Fault
    recall: Share
    precision: float | None
    reasons: Mapping[Reason, int]


@dataclass(frozen=True, slots=True)
class Promise:
    """The true share of swapped captions among the kept over seeded draws, beside alpha.

    `low` and `high` are the 2.5th and 97.5th percentile of the draws; `held`: the mean is at most alpha and two
    standard errors.
    """

    alpha: float
    swapped: float
    draws: int
    true_fdr: float
    low: float
    high: float
    standard_error: float
    held: bool
    unswapped_kept: float


@dataclass(frozen=True, slots=True)
class PolicyGrade:
    """A policy's marks; `clean_reasons` say why originals are not kept where nothing is planted."""

    policy: str
    version: int
    sha256: str
    clean_kept: Share
    clean_reasons: Mapping[Reason, int]
    faults: Sequence[FaultGrade]
    promise: Promise | None


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A policy that is examined, with the target set that it names; None where it names none."""

    policy: Policy
    target: TargetSet | None = None


def grade(sheet: Sheet, candidate: Candidate, weights: Integers, draws: Sequence[Flags]) -> PolicyGrade:
    """Grade a policy; `weights` (r, n) resample the originals, `draws` say which couples are swapped in each draw.

    Nothing is held against evaluation sets: what a pair is a part of is no fault of it.
    """
    policy = candidate.policy
    alone = _judge(sheet.pairs.take(sheet.originals), candidate)
    return PolicyGrade(
        policy=policy.name,
        version=policy.version,
        sha256=policy.sha256,
        clean_kept=_share(np.array([reason is None for reason in alone]), weights),
        clean_reasons=_count(alone),
        faults=[_grade_fault(sheet, fault, candidate, weights) for fault in sheet.planted],
        promise=_try_promise(sheet, candidate, policy.select.alpha, draws) if isinstance(policy.select, Fdr) else None,
    )


def draw_couples(rng: np.random.Generator, couples: int, share: float) -> Flags:
    """Choose a share of the couples (at least one), as (couples,) flags."""
    chosen = np.zeros(couples, dtype=np.bool_)
    chosen[rng.choice(couples, max(1, round(share * couples)), replace=False)] = True
    return chosen


def _judge(pairs: PlantedPairs, candidate: Candidate) -> list[Reason | None]:
    """Decide pairs as a data set of their own, calibrated on its survivors: why each is not kept, None where it is."""
    policy = candidate.policy.model_copy(update={"decontaminate": None})
    embedded = pairs.embedded
    table = PairTable(embedded.uids, pairs.columns, pictures=embedded.pictures, embeddings=embedded.image)
    eligible = calibratable(pairs.columns, pairs.embedded)
    survivors = judge_alone(table, policy.before_calibration).kept
    calibration = None
    if policy.needs_calibration:
        calibration = draw_calibration(pairs.embedded, survivors[eligible[survivors]], score_fingerprint="exam")
    references = References(calibration, candidate.target)
    relative = relative_signals(policy, references, embedded, eligible)
    table = replace(table, columns=complete(table.columns, relative))
    pools = {**run_pools(table, policy), **frozen_pools(policy, references)}
    decided = decide(table, policy, calibrate(calibration, pairs.embedded, eligible), pools)
    return [REASONS[code] for code in decided.reasons.tolist()]


def _grade_fault(sheet: Sheet, fault: Fault, candidate: Candidate, weights: Integers) -> FaultGrade:
    reasons: dict[int, Reason | None] = {}
    not_kept = 0
    for turn in _turns(sheet):
        rows, planted = _plant(sheet, fault, turn)
        judged = _judge(sheet.pairs.take(rows), candidate)
        reasons |= zip(turn.tolist(), (judged[place] for place in planted.tolist()), strict=True)
        not_kept += sum(reason is not None for reason in judged)
    caught = np.array([reasons[original] is not None for original in range(len(sheet))])
    precision = float(caught.sum() / not_kept) if not_kept else None
    return FaultGrade(fault, _share(caught, weights), precision, _count(list(reasons.values())))


def _turns(sheet: Sheet) -> Iterator[Integers]:
    """Deal the originals out to the turns, couples together, so that swapped captions change places."""
    couples = sheet.swaps[0].couples
    for turn in range(min(TURNS, len(couples))):
        yield np.sort(couples[turn::TURNS].ravel())


def _plant(sheet: Sheet, fault: Fault, originals: Integers) -> tuple[Integers, Integers]:
    """Plant a fault in some originals: the rows to decide on, and the places of the planted among them.

    A copy comes behind its original, everything else in its place.
    """
    rows = sheet.originals.copy()
    if fault is Fault.EXACT_COPY:
        return np.concatenate([rows, rows[originals]]), len(rows) + np.arange(len(originals))
    rows[originals] = sheet.planted[fault][originals]
    return rows, originals


def _try_promise(sheet: Sheet, candidate: Candidate, alpha: float, draws: Sequence[Flags]) -> Promise:
    outcomes = [_try_draw(sheet, candidate, number, chosen) for number, chosen in enumerate(draws)]
    false, kept = (np.array(values) for values in zip(*outcomes, strict=True))
    low, high = interval(false)
    error = float(false.std(ddof=1) / np.sqrt(len(false))) if len(false) > 1 else 0.0
    return Promise(
        alpha=alpha,
        swapped=float(np.mean([chosen.mean() for chosen in draws])),
        draws=len(draws),
        true_fdr=float(false.mean()),
        low=low,
        high=high,
        standard_error=error,
        held=bool(false.mean() <= alpha + 2 * error),
        unswapped_kept=float(kept.mean()),
    )


def _try_draw(sheet: Sheet, candidate: Candidate, number: int, chosen: Flags) -> tuple[float, float]:
    """Swap the chosen couples; return the share of swapped among the kept, 0 if there are none, and of others kept."""
    swap = sheet.swaps[number % len(sheet.swaps)]
    moved = swap.couples[chosen].ravel()
    rows = sheet.originals.copy()
    rows[moved] = swap.rows[moved]
    kept = np.array([reason is None for reason in _judge(sheet.pairs.take(rows), candidate)])
    swapped = np.isin(np.arange(len(rows)), moved)
    return false_share(kept, swapped), float(kept[~swapped].mean()) if not swapped.all() else 0.0


def _share(flags: Flags, weights: Integers) -> Share:
    numbers: Floats = flags.astype(np.float64)
    low, high = interval(weighted_share(numbers, weights))
    return Share(float(numbers.mean()), low, high)


def _count(reasons: Sequence[Reason | None]) -> dict[Reason, int]:
    """Count the reasons, the most frequent first."""
    counted = Counter(reason for reason in reasons if reason is not None)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
