"""How the verdicts of two decision sets on the same pairs differ, by what became of a pair and by reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pairsift.core.arrays import Flags
from pairsift.core.judgements import DROP, KEEP, QUARANTINE, REASONS, Codes, Judgements
from pairsift.core.records import Reason

EXAMPLES = 5
"""Pairs that are named of every kind of difference."""


class Change(StrEnum):
    """What became of a pair from one decision set to another."""

    NEWLY_KEPT = "newly_kept"
    NEWLY_DROPPED = "newly_dropped"
    NEWLY_QUARANTINED = "newly_quarantined"
    OTHER_REASON = "other_reason"


Kind = tuple[Change, Reason]
"""A change, and why: why a newly kept pair was not kept before, why any other pair is not kept now."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How many of n pairs differ in one way, and the first of them (ordinals)."""

    count: int
    examples: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class JoinedDifference:
    """The same over several tables: an example is a table's number and an ordinal."""

    count: int
    examples: tuple[tuple[int, int], ...]


def find_differences(before: Judgements, after: Judgements) -> dict[Kind, Difference]:
    """Compare two judgements of the same n pairs; a pair of which both say the same is in none of the differences."""
    found: dict[Kind, Difference] = {}
    for change, (flags, reasons) in mark_changes(before, after).items():
        told = np.where(flags, reasons, 0)
        for code in np.unique(told[flags]).tolist():
            places = np.flatnonzero(told == code)
            reason = REASONS[code]
            if reason is not None:
                found[change, reason] = Difference(len(places), tuple(places[:EXAMPLES].tolist()))
    return found


def mark_changes(before: Judgements, after: Judgements) -> dict[Change, tuple[Flags, Codes]]:
    """Mark the pairs of each change, with the codes of the reasons that tell of it."""
    moved = before.verdicts != after.verdicts
    return {
        Change.NEWLY_KEPT: (moved & (after.verdicts == KEEP), before.reasons),
        Change.NEWLY_DROPPED: (moved & (after.verdicts == DROP), after.reasons),
        Change.NEWLY_QUARANTINED: (moved & (after.verdicts == QUARANTINE), after.reasons),
        Change.OTHER_REASON: (~moved & (before.reasons != after.reasons), after.reasons),
    }


def join_differences(
    parts: Iterable[tuple[int, Mapping[Kind, Difference]]],
) -> dict[Kind, JoinedDifference]:
    """Add up the differences of several tables; the examples are the first ones in the order of the tables."""
    joined: dict[Kind, JoinedDifference] = {}
    for number, found in parts:
        for kind, difference in found.items():
            known = joined.get(kind, JoinedDifference(0, ()))
            examples = (*known.examples, *((number, ordinal) for ordinal in difference.examples))
            joined[kind] = JoinedDifference(known.count + difference.count, examples[:EXAMPLES])
    return joined
