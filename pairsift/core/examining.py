"""Pairs with their planted copies, as they were measured, and how well each signal tells each fault."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pairsift.core.arrays import Floats, Integers
from pairsift.core.calibration import EmbeddedPairs
from pairsift.core.columns import Columns
from pairsift.core.discrimination import interval, weighted_auc
from pairsift.core.judgements import REASONS
from pairsift.core.planting import Fault
from pairsift.core.records import Reason
from pairsift.core.signals import NUMBERS


@dataclass(frozen=True, slots=True, eq=False)
class PlantedPairs:
    """Pairs with and without planted faults, as they were measured: the signals, and what calibration sees."""

    columns: Columns
    embedded: EmbeddedPairs

    def take(self, rows: Integers) -> "PlantedPairs":
        """Copy some pairs, in the order given."""
        signals = {name: column[rows] for name, column in self.columns.signals.items()}
        reasons = {name: codes[rows] for name, codes in self.columns.reasons.items()}
        columns = replace(self.columns, count=len(rows), signals=signals, reasons=reasons)
        return PlantedPairs(columns, self.embedded.take(rows))


@dataclass(frozen=True, slots=True)
class Swap:
    """One way to swap all captions in couples: the row (n,) of each original with its partner's, and who that is."""

    rows: Integers
    partners: Integers

    @property
    def couples(self) -> Integers:
        """Both originals of each couple, (n / 2, 2)."""
        firsts = np.flatnonzero(np.arange(len(self.partners)) < self.partners)
        return np.stack([firsts, self.partners[firsts]], axis=1)


@dataclass(frozen=True, slots=True)
class Sheet:
    """n originals, by their rows of `pairs`, and the rows of what was planted in each, all (n,) int64."""

    pairs: PlantedPairs
    originals: Integers
    planted: Mapping[Fault, Integers]
    swaps: Sequence[Swap]

    def __len__(self) -> int:
        return len(self.originals)


@dataclass(frozen=True, slots=True)
class Discrimination:
    """How well a signal tells the pairs with a fault from their own originals.

    `auc` is the probability that a faulty pair lies on its side (`faulty_is`: lower or higher) of a clean one; None
    where no faulty pair could be measured. `unmeasurable` counts those by their reasons.
    """

    fault: Fault
    signal: str
    faulty_is: str | None
    auc: float | None
    low: float | None
    high: float | None
    unmeasurable: Mapping[Reason, int]


def discriminate(sheet: Sheet, weights: Integers) -> list[Discrimination]:
    """Compare every signal that is a number under every planted fault; `weights` (r, n) resample the originals."""
    return [
        _discriminate(sheet, fault, signal, weights)
        for fault in sheet.planted
        if fault is not Fault.EXACT_COPY  # measured like its original, bit by bit
        for signal in NUMBERS
        if not np.isnan(sheet.pairs.columns.numbers(signal)).all()
    ]


def swap_aucs(sheet: Sheet, signal: str, weights: Integers) -> Floats:
    """Compute a signal's AUC for swapped captions, for each weighting (r, n) of the originals: (r,).

    It is that of a clean pair scoring higher.
    """
    column = sheet.pairs.columns.numbers(signal)
    return _weighted(column[sheet.originals], column[sheet.planted[Fault.SWAPPED_CAPTION]], weights)


def _discriminate(sheet: Sheet, fault: Fault, signal: str, weights: Integers) -> Discrimination:
    rows, column = sheet.planted[fault], sheet.pairs.columns.numbers(signal)
    good, bad = column[sheet.originals], column[rows]
    codes = sheet.pairs.columns.why_absent(signal)[rows[np.isnan(bad)]]
    told = dict(sorted(Counter(reason for code in codes.tolist() if (reason := REASONS[code]) is not None).items()))
    if np.isnan(good).all() or np.isnan(bad).all():
        return Discrimination(fault, signal, None, None, None, None, told)
    raw = float(_weighted(good, bad, np.ones((1, len(good)), np.int64))[0])
    low, high = interval(_weighted(good, bad, weights))
    if raw >= 0.5:
        return Discrimination(fault, signal, "lower", raw, low, high, told)
    return Discrimination(fault, signal, "higher", 1 - raw, 1 - high, 1 - low, told)


def _weighted(good: Floats, bad: Floats, weights: Integers) -> Floats:
    """Compute the AUC of n originals and their planted copies, both weighted by original; those that are NaN leave."""
    seen, measured = ~np.isnan(good), ~np.isnan(bad)
    return weighted_auc(good[seen], bad[measured], weights[:, seen], weights[:, measured])
