"""How a data set went, day by day: what was read and kept, where its signals lay, and what drifted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from pairsift.core.drift import MISMATCHED, Statistics
from pairsift.core.signals import SIGNALS, Signal
from pairsift.core.sketches import NumberSketch, Sketch, WordSketch, quantiles

QUARTERS = np.array([0.25, 0.5, 0.75])


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a partition compares with the reference window; `result` is as the store has it."""

    partition: str
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Day:
    """What stands committed of one day (UTC): pairs read and kept, and the comparisons of partitions that moved."""

    date: date
    read: int
    kept: int
    moved: Sequence[Comparison]

    @property
    def level(self) -> str:
        """Name the worst of its drift: none, warn or fail."""
        levels = {str(each.result["level"]) for each in self.moved}
        return next((level for level in ("fail", "warn") if level in levels), "none")

    @property
    def signals(self) -> frozenset[str]:
        """Name what moved in any of its partitions."""
        return frozenset(name for each in self.moved for name in each.result["moved"])


@dataclass(frozen=True, slots=True)
class Spread:
    """Where the middle half of some values lies, and their median; all three are the same for a share."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class SignalCourse:
    """One signal day by day, None where none of the day's pairs has it; `before` is the reference window's median."""

    name: str
    label: str
    unit: str
    days: Sequence[Spread | None]
    before: float | None


@dataclass(frozen=True, slots=True)
class Course:
    """The days of a data set, the oldest first, and its signals on each of them; `earlier` days are left out.

    `foremost` names the signals that the policy goes by; `window` is the number of the reference window.
    """

    days: Sequence[Day]
    earlier: int
    signals: Sequence[SignalCourse]
    foremost: frozenset[str]
    window: int | None

    @property
    def shown_first(self) -> list[SignalCourse]:
        """Give the signals to look at: what moved and the mismatched before what the policy goes by."""
        moved = frozenset(name for day in self.days for name in day.signals) | {MISMATCHED}
        shown = [signal for signal in self.signals if signal.name in moved | self.foremost]
        return sorted(shown, key=lambda signal: signal.name not in moved)

    @property
    def shown_last(self) -> list[SignalCourse]:
        """Give the others."""
        first = {signal.name for signal in self.shown_first}
        return [signal for signal in self.signals if signal.name not in first]


def signal_courses(statistics: Sequence[Statistics | None], window: Statistics | None) -> list[SignalCourse]:
    """Tell of every signal that any day has how it lay on each: the share of mismatched pairs first.

    Numbers by their quartiles, words by the share of the one that is the most frequent over all days.
    """
    names = {name for each in statistics if each is not None for name in each.signals}
    courses = [
        _mismatched(statistics, window),
        *(_course(signal, statistics, window) for signal in SIGNALS if signal.name in names),
    ]
    return [course for course in courses if any(day is not None for day in course.days)]


def _mismatched(statistics: Sequence[Statistics | None], window: Statistics | None) -> SignalCourse:
    days = [_mismatched_share(each) for each in statistics]
    return SignalCourse(MISMATCHED, "mismatched, at most about", "share", days, _middle(_mismatched_share(window)))


def _mismatched_share(statistics: Statistics | None) -> Spread | None:
    """Estimate the share of mismatched pairs from above, by Storey's π₀ at ½."""
    if statistics is None or not statistics.tested:
        return None
    return _only(min(2 * statistics.above_half / statistics.tested, 1.0))


def _course(signal: Signal, statistics: Sequence[Statistics | None], window: Statistics | None) -> SignalCourse:
    days, known = [_sketch(each, signal.name) for each in statistics], _sketch(window, signal.name)
    if signal.type != "str":
        quartiles = [_quartiles(day) for day in days]
        return SignalCourse(signal.name, signal.name, signal.unit, quartiles, _middle(_quartiles(known)))
    word = _most_frequent(days)
    shares = [_word_share(day, word) for day in days]
    return SignalCourse(signal.name, f"{signal.name} is {word}", "share", shares, _middle(_word_share(known, word)))


def _sketch(statistics: Statistics | None, name: str) -> Sketch | None:
    return None if statistics is None else statistics.signals.get(name)


def _quartiles(sketch: Sketch | None) -> Spread | None:
    if not isinstance(sketch, NumberSketch) or not sketch.values:
        return None
    low, middle, high = quantiles(sketch, QUARTERS).tolist()
    return Spread(low, middle, high)


def _most_frequent(days: Sequence[Sketch | None]) -> str | None:
    words: Counter[str] = Counter()
    for day in days:
        words.update(day.words if isinstance(day, WordSketch) else {})
    return max(sorted(words), key=words.__getitem__, default=None)


def _word_share(sketch: Sketch | None, word: str | None) -> Spread | None:
    """Give a word's share of the pairs that have one."""
    if not isinstance(sketch, WordSketch) or word is None or sketch.pairs == sketch.absent:
        return None
    return _only(sketch.words.get(word, 0) / (sketch.pairs - sketch.absent))


def _only(value: float) -> Spread:
    return Spread(value, value, value)


def _middle(spread: Spread | None) -> float | None:
    return None if spread is None else spread.middle
