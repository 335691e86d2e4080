"""One decision for every pair of a table: unreadable, in an evaluation set, rules, copies, then the selection."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.calibration import Calibrated, EmbeddedPairs
from pairsift.core.columns import Columns, Matches, Words
from pairsift.core.judgements import REASONS, VERDICTS, Codes, overrule, reason_code
from pairsift.core.judging import JudgedAlone, PairTable, judge_alone
from pairsift.core.mismatch import Mismatch, estimate_mismatch
from pairsift.core.policy import Policy
from pairsift.core.records import Reason, Verdict
from pairsift.core.selection import Pools, pool_values, select_pairs
from pairsift.core.selects import ALIGNMENT, Pool
from pairsift.core.signals import NEG_CLIP_LOSS, NORM_SIM

NO_POOLS: Pools = {}

ROWS_AT_ONCE = 8192
"""Rows that are Python objects at the same time while decisions are iterated over."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one pair; `reason` is None exactly if it is kept.

    z and p are there where the pair could be calibrated, q where `fdr` tested it, `rank` (1 is best, ties share
    the better one) where the selection ranked it. `multiplicity` is how often an export repeats a kept pair.
    `duplicate_group` is the uid that names its group of copies, of a pair that has any; `duplicate_of`, of one dropped
    as a copy, the pair kept in its place, as PARTITION/KEY. The relative signals are there if the policy goes by them.
    `evaluation_match`, of one dropped since it is in an evaluation set, is the member as SET/KEY, and
    `evaluation_distance` how far that is (`Matches`).
    """

    verdict: Verdict
    reason: Reason | None
    alignment_z: float | None = None
    alignment_p: float | None = None
    alignment_q: float | None = None
    rank: int | None = None
    multiplicity: int = 1
    duplicate_group: str | None = None
    duplicate_of: str | None = None
    neg_clip_loss: float | None = None
    norm_sim: float | None = None
    evaluation_match: str | None = None
    evaluation_distance: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """One decision for each of n pairs, in the table's order, as arrays of length n; iterating gives `Decision` rows.

    Verdicts and reasons are codes of core/judgements.py; numbers are NaN and rank is 0 where a pair has none.
    Groups and keepers of copies and members of evaluation sets are words as in `Decision`, None where there is none.
    """

    verdicts: Codes
    reasons: Codes
    z: Floats
    p: Floats
    q: Floats
    rank: Integers
    multiplicity: Integers
    duplicate_group: Words
    duplicate_of: Words
    neg_clip_loss: Floats
    norm_sim: Floats
    evaluation_match: Words
    evaluation_distance: Floats

    def __len__(self) -> int:
        return len(self.verdicts)

    def __iter__(self) -> Iterator[Decision]:
        for block in self.blocks():
            yield from map(Decision, *block)

    def blocks(self) -> "Iterator[tuple[list[Any], ...]]":
        """The columns of `Decision` as plain Python values, None where absent, some thousand rows at a time."""
        for start in range(0, len(self), ROWS_AT_ONCE):
            block = self.take(slice(start, start + ROWS_AT_ONCE))
            yield (
                [VERDICTS[code] for code in block.verdicts.tolist()],
                [REASONS[code] for code in block.reasons.tolist()],
                *(_or_none(values, np.isnan(values)) for values in (block.z, block.p, block.q)),
                _or_none(block.rank, block.rank == 0),
                block.multiplicity.tolist(),
                block.duplicate_group.tolist(),
                block.duplicate_of.tolist(),
                *(_or_none(values, np.isnan(values)) for values in (block.neg_clip_loss, block.norm_sim)),
                block.evaluation_match.tolist(),
                _or_none(block.evaluation_distance, np.isnan(block.evaluation_distance)),
            )

    def take(self, pairs: slice | Integers) -> "Decisions":
        """The decisions on some pairs, in the order given."""
        return Decisions(*(getattr(self, field.name)[pairs] for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class PartitionDecision:
    """A partition's decisions, and how many of its survivors of rules and copies are mismatched, by estimate."""

    decisions: Decisions
    mismatch: Mismatch | None


def run_pools(table: PairTable, policy: Policy) -> Pools:
    """Give what a table adds to the pools of its run that a policy goes by; alone, it stands for the run."""
    if not policy.shares_pools:
        return NO_POOLS
    survivors = judge_alone(table, policy).kept
    return {each: pool_values(table.columns, survivors, each) for each in policy.pools if each.pool is Pool.RUN}


def decide(table: PairTable, policy: Policy, calibrated: Calibrated, pools: Pools = NO_POOLS) -> Decisions:
    """Decide every pair of a table of which z and p are known: (n,) float64, NaN where a pair has none.

    `fdr` quarantines survivors without a p-value as SIGNAL_UNMEASURABLE, whatever its `unmeasurable` says.
    `pools` are the values that `policy.pools` names. ConfigError if one of them, or a signal, is not there.
    """
    return _select(judge_alone(table, policy), table, policy, calibrated, pools)


def decide_partition(
    table: PairTable, policy: Policy, calibrated: Calibrated, pools: Pools, generator: np.random.Generator
) -> PartitionDecision:
    """Decide as `decide`, and estimate how many of the survivors of rules and copies are mismatched."""
    judged = judge_alone(table, policy)
    mismatch = estimate_mismatch(calibrated.p[judged.kept], generator)
    return PartitionDecision(_select(judged, table, policy, calibrated, pools), mismatch)


def _select(alone: JudgedAlone, table: PairTable, policy: Policy, calibrated: Calibrated, pools: Pools) -> Decisions:
    """Select among the pairs that are still kept."""
    copies, survivors = alone.copies, alone.kept
    selection = select_pairs(policy.select, table.columns, survivors, calibrated, pools)
    judged = overrule(alone.judgements, survivors, selection.judged)
    count = len(judged)
    q, rank = np.full(count, np.nan), np.zeros(count, dtype=np.int64)
    q[survivors], rank[survivors] = selection.q, selection.rank
    once = np.ones(count, dtype=np.int64)
    groups, keepers = (np.full(count, None, dtype=np.object_) for _ in range(2))
    groups[copies.places], keepers[copies.places] = copies.groups, copies.keepers
    signals = table.columns.signals
    loss, near = (signals.get(name, np.full(count, np.nan)) for name in (NEG_CLIP_LOSS, NORM_SIM))
    evaluated = _members(table.columns.matches, count)
    return Decisions(
        judged.verdicts,
        judged.reasons,
        calibrated.z,
        calibrated.p,
        q,
        rank,
        once,
        groups,
        keepers,
        loss,
        near,
        *evaluated,
    )


def _members(matches: Matches | None, count: int) -> tuple[Words, Floats]:
    """Put the members of evaluation sets that pairs are beside the pairs, and how far they are."""
    members, distances = np.full(count, None, dtype=np.object_), np.full(count, np.nan)
    if matches is not None:
        members[matches.places], distances[matches.places] = matches.members, matches.distances
    return members, distances


def to_decisions(rows: Sequence[Decision]) -> Decisions:
    """Turn rows into arrays."""
    return Decisions(
        verdicts=np.array([VERDICTS.index(row.verdict) for row in rows], dtype=np.uint8),
        reasons=np.array([reason_code(row.reason) for row in rows], dtype=np.uint8),
        z=np.array([row.alignment_z for row in rows], dtype=np.float64),  # None becomes NaN
        p=np.array([row.alignment_p for row in rows], dtype=np.float64),
        q=np.array([row.alignment_q for row in rows], dtype=np.float64),
        rank=np.array([row.rank or 0 for row in rows], dtype=np.int64),
        multiplicity=np.array([row.multiplicity for row in rows], dtype=np.int64),
        duplicate_group=np.array([row.duplicate_group for row in rows], dtype=np.object_),
        duplicate_of=np.array([row.duplicate_of for row in rows], dtype=np.object_),
        neg_clip_loss=np.array([row.neg_clip_loss for row in rows], dtype=np.float64),
        norm_sim=np.array([row.norm_sim for row in rows], dtype=np.float64),
        evaluation_match=np.array([row.evaluation_match for row in rows], dtype=np.object_),
        evaluation_distance=np.array([row.evaluation_distance for row in rows], dtype=np.float64),
    )


def calibratable(columns: Columns, pairs: EmbeddedPairs) -> Flags:
    """Mark the pairs with both embeddings, of which the alignment is not known to be unmeasurable."""
    present = np.isfinite(pairs.image).all(axis=1) & np.isfinite(pairs.text).all(axis=1)
    known = columns.why_absent(ALIGNMENT) == 0
    return np.asarray(present & known & (pairs.image.shape[1] > 0), dtype=np.bool_)


def _or_none(values: Floats | Integers, absent: Flags) -> list[Any]:
    """List values, None where they are absent."""
    objects = values.astype(np.object_)
    objects[absent] = None
    listed: list[Any] = objects.tolist()
    return listed
