"""One decision for every pair of a table: unreadable, then rules, then copies, then the selection."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.calibration import Calibrated, EmbeddedPairs
from pairsift.core.columns import Columns, Words
from pairsift.core.copy_kinds import PERCEPTUAL_HASH, Duplicates
from pairsift.core.duplicates import Compared, Copies, find_copies, no_copies
from pairsift.core.judgements import (
    DROP,
    KEEP,
    QUARANTINE,
    REASONS,
    VERDICTS,
    Codes,
    Judgements,
    overrule,
    reason_code,
)
from pairsift.core.mismatch import Mismatch, estimate_mismatch
from pairsift.core.near_copies import parse_hashes
from pairsift.core.policy import Policy
from pairsift.core.records import Reason, Verdict
from pairsift.core.rules import first_failures
from pairsift.core.selection import Pools, pool_values, select_pairs
from pairsift.core.selects import ALIGNMENT, Pool
from pairsift.core.semantic_copies import Embeddings
from pairsift.core.signals import NEG_CLIP_LOSS, NORM_SIM
from pairsift.errors import ConfigError

Given = TypeVar("Given")

NO_POOLS: Pools = {}

ROWS_AT_ONCE = 8192
"""Rows that are Python objects at the same time while decisions are iterated over."""

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


@dataclass(frozen=True, slots=True, eq=False)
class PairTable:
    """n pairs in their order (ordinal = index): all that a decision goes by, besides z and p.

    What a policy's `duplicates` asks for besides: `names`, PARTITION/KEY, by which keepers of copies are named;
    `pictures`, the sha256 of every image file, for placeholders; `embeddings` of the images, (n, d), for semantic ones.
    """

    uids: Sequence[str]
    columns: Columns
    names: Sequence[str] | None = None
    pictures: Sequence[str | None] | None = None
    embeddings: Embeddings | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one pair; `reason` is None exactly if it is kept.

    z and p are there where the pair could be calibrated, q where `fdr` tested it, `rank` (1 is best, ties share
    the better one) where the selection ranked it. `multiplicity` is how often an export repeats a kept pair.
    `duplicate_group` is the uid that names its group of copies, of a pair that has any; `duplicate_of`, of one dropped
    as a copy, the pair kept in its place, as PARTITION/KEY. The relative signals are there if the policy goes by them.
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


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """One decision for each of n pairs, in the table's order, as arrays of length n; iterating gives `Decision` rows.

    Verdicts and reasons are codes of core/judgements.py; numbers are NaN and rank is 0 where a pair has none.
    Groups and keepers of copies are words as in `Decision`, None where there is none.
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
            )

    def take(self, pairs: slice | Integers) -> "Decisions":
        """The decisions on some pairs, in the order given."""
        return Decisions(*(getattr(self, field.name)[pairs] for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class PartitionDecision:
    """A partition's decisions, and how many of its survivors of rules and copies are mismatched, by estimate."""

    decisions: Decisions
    mismatch: Mismatch | None


@dataclass(frozen=True, slots=True, eq=False)
class _Alone:
    """What is said of pairs before scores are compared, and which pair stays for which."""

    judgements: Judgements
    copies: Copies


def judge_alone(table: PairTable, policy: Policy) -> Judgements:
    """Judge what needs no comparison of scores: unreadable pairs, failed rules, copies; KEEP: it survives.

    ConfigError if the policy asks for a signal, or for something to find copies by, that the table has not got.
    """
    return _judge_copies(table, policy).judgements


def run_pools(table: PairTable, policy: Policy) -> Pools:
    """Give what a table adds to the pools of its run that a policy goes by; alone, it stands for the run."""
    if not policy.settles:
        return NO_POOLS
    survivors = judge_alone(table, policy).kept
    return {each: pool_values(table.columns, survivors, each) for each in policy.pools if each.pool is Pool.RUN}


def decide(table: PairTable, policy: Policy, calibrated: Calibrated, pools: Pools = NO_POOLS) -> Decisions:
    """Decide every pair of a table of which z and p are known: (n,) float64, NaN where a pair has none.

    `fdr` quarantines survivors without a p-value as SIGNAL_UNMEASURABLE, whatever its `unmeasurable` says.
    `pools` are the values that `policy.pools` names. ConfigError if one of them, or a signal, is not there.
    """
    return _select(_judge_copies(table, policy), table, policy, calibrated, pools)


def decide_partition(
    table: PairTable, policy: Policy, calibrated: Calibrated, pools: Pools, generator: np.random.Generator
) -> PartitionDecision:
    """Decide as `decide`, and estimate how many of the survivors of rules and copies are mismatched."""
    judged = _judge_copies(table, policy)
    mismatch = estimate_mismatch(calibrated.p[judged.judgements.kept], generator)
    return PartitionDecision(_select(judged, table, policy, calibrated, pools), mismatch)


def _select(alone: _Alone, table: PairTable, policy: Policy, calibrated: Calibrated, pools: Pools) -> Decisions:
    """Select among the pairs that are still kept."""
    judged, copies = alone.judgements, alone.copies
    survivors = judged.kept
    selection = select_pairs(policy.select, table.columns, survivors, calibrated, pools)
    judged = overrule(judged, survivors, selection.judged)
    count = len(judged)
    q, rank = np.full(count, np.nan), np.zeros(count, dtype=np.int64)
    q[survivors], rank[survivors] = selection.q, selection.rank
    once = np.ones(count, dtype=np.int64)
    groups = _named(table.uids, copies.groups)
    keepers = _named(table.names or [None] * count, copies.keepers)
    relative = (table.columns.signals.get(name, np.full(count, np.nan)) for name in (NEG_CLIP_LOSS, NORM_SIM))
    return Decisions(
        judged.verdicts, judged.reasons, calibrated.z, calibrated.p, q, rank, once, groups, keepers, *relative
    )


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
    )


def judge_unreadable(columns: Columns) -> Judgements:
    """Quarantine the pairs of which a signal is unmeasurable since image or caption cannot be read."""
    place = np.full(len(REASONS), len(UNREADABLE), dtype=np.uint8)
    place[[reason_code(reason) for reason in UNREADABLE]] = np.arange(len(UNREADABLE))
    first = np.full(columns.count, len(UNREADABLE), dtype=np.uint8)
    for codes in columns.reasons.values():
        first = np.minimum(first, place[codes])
    told = np.array([*map(reason_code, UNREADABLE), 0], dtype=np.uint8)[first]
    return Judgements(np.where(told > 0, QUARANTINE, KEEP).astype(np.uint8), told)


def calibratable(columns: Columns, pairs: EmbeddedPairs) -> Flags:
    """Mark the pairs with both embeddings, of which the alignment is not known to be unmeasurable."""
    present = np.isfinite(pairs.image).all(axis=1) & np.isfinite(pairs.text).all(axis=1)
    known = columns.why_absent(ALIGNMENT) == 0
    return np.asarray(present & known & (pairs.image.shape[1] > 0), dtype=np.bool_)


def _judge_copies(table: PairTable, policy: Policy) -> _Alone:
    """Judge as `judge_alone`, and tell which pair stays for which."""
    judged = judge_unreadable(table.columns)
    readable = judged.kept
    judged = overrule(judged, readable, first_failures(policy.rules, table.columns, readable).judged)
    if not policy.duplicates.looked_for:
        return _Alone(judged, no_copies(len(judged)))
    copies = find_copies(_compared(table, policy.duplicates, judged.verdicts == KEEP), policy.duplicates)
    fell = np.flatnonzero(copies.reasons)
    dropped = Judgements(np.full(len(fell), DROP, dtype=np.uint8), copies.reasons[fell])
    return _Alone(overrule(judged, fell, dropped), copies)


def _compared(table: PairTable, duplicates: Duplicates, candidates: Flags) -> Compared:
    """Take from a partition's table what its pairs are compared by, and nothing else; nothing is settled in it."""
    count = table.columns.count
    hashes, hashed = parse_hashes([] if duplicates.near is None else table.columns.words(PERCEPTUAL_HASH).tolist())
    nothing = np.empty((0, 0), dtype=np.float32)
    return Compared(
        uids=table.uids,
        candidates=candidates,
        partitions=np.zeros(count, dtype=np.int64),
        ordinals=np.arange(count),
        settled=np.zeros(count, dtype=np.bool_),
        pictures=() if duplicates.placeholders is None else _given(table.pictures, "placeholders", "pictures"),
        hashes=hashes,
        hashed=hashed,
        embeddings=nothing if duplicates.semantic is None else _given(table.embeddings, "semantic", "embeddings"),
    )


def _given(values: Given | None, kind: str, what: str) -> Given:
    if values is None:
        raise ConfigError(f"the policy's duplicates.{kind} compares {what}, which were not given: decide with them")
    return values


def _named(names: Sequence[str | None], places: Integers) -> Words:
    """Give for each place its name, None for a place below 0."""
    named = np.full(len(places), None, dtype=np.object_)
    some = np.flatnonzero(places >= 0)
    named[some] = [names[place] for place in places[some].tolist()]
    return named


def _or_none(values: Floats | Integers, absent: Flags) -> list[Any]:
    """List values, None where they are absent."""
    objects = values.astype(np.object_)
    objects[absent] = None
    listed: list[Any] = objects.tolist()
    return listed
