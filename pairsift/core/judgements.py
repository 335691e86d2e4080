"""Verdicts and reasons of many pairs, as codes in arrays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Integers
from pairsift.core.records import Reason, Verdict

Codes = npt.NDArray[np.uint8]

VERDICTS: tuple[Verdict, ...] = tuple(Verdict)
"""A verdict's code is its place here. Codes live in memory only: names are stored."""

REASONS: tuple[Reason | None, ...] = (None, *Reason)
"""A reason's code is its place here; 0 is none."""

SELECTED_OUT = (Reason.BELOW_CUT, Reason.LIKELY_MISMATCHED)
"""Reasons of those that passed rules and copies, and were left out by the selection."""

KEEP, DROP, QUARANTINE = (VERDICTS.index(verdict) for verdict in (Verdict.KEEP, Verdict.DROP, Verdict.QUARANTINE))
_REASON_CODES = {reason: code for code, reason in enumerate(REASONS)}


def reason_code(reason: Reason | None) -> int:
    """Tell a reason's code."""
    return _REASON_CODES[reason]


@dataclass(frozen=True, slots=True, eq=False)
class Judgements:
    """What is said of n pairs, as codes, both (n,) uint8; the reason is 0 exactly where the verdict is KEEP."""

    verdicts: Codes
    reasons: Codes

    def __len__(self) -> int:
        return len(self.verdicts)

    @property
    def kept(self) -> Integers:
        """The places of those that are kept."""
        return np.flatnonzero(self.verdicts == KEEP)

    def at(self, places: Integers) -> "Judgements":
        """What is said of the pairs at some places."""
        return Judgements(self.verdicts[places], self.reasons[places])


def keep_all(count: int) -> Judgements:
    """Say KEEP of every pair."""
    return Judgements(np.full(count, KEEP, dtype=np.uint8), np.zeros(count, dtype=np.uint8))


def overrule(judged: Judgements, places: Integers, said: Judgements) -> Judgements:
    """Say of the pairs at some places what `said` says of them, in the same order."""
    verdicts, reasons = judged.verdicts.copy(), judged.reasons.copy()
    verdicts[places], reasons[places] = said.verdicts, said.reasons
    return Judgements(verdicts, reasons)
