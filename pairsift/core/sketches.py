"""Sketches of a signal's values: small, mergeable, and enough to compare one set of pairs with another."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pairsift.core.arrays import Floats, Integers
from pairsift.core.columns import Column, Words
from pairsift.core.signals import SIGNALS

POINTS = 256
"""Values that a sketch of numbers keeps at most: each time values are left out shifts shares by less than 1/256."""

WORDS = 200
"""Words that a sketch keeps at most: more than there are languages to tell."""

IDENTITIES = frozenset({"image.phash"})
"""Signals that name a picture: any two sets of pictures differ in them, and none of them drifts."""


@dataclass(frozen=True, slots=True)
class NumberSketch:
    """How numbers are distributed over pairs.

    `values` rise; `counts` are the pairs above the value before and up to this one; `absent` pairs have no value. The
    share of the pairs up to a number, read off here, is at most `error` too small, and never too large.
    """

    values: tuple[float, ...]
    counts: tuple[int, ...]
    absent: int
    error: float = 0.0

    @property
    def pairs(self) -> int:
        """All pairs, those without a value too."""
        return self.absent + sum(self.counts)


@dataclass(frozen=True, slots=True)
class WordSketch:
    """How often each of the most frequent words occurs, all `rest` of the words together, and `absent` ones."""

    words: Mapping[str, int]
    rest: int
    absent: int

    @property
    def pairs(self) -> int:
        """All pairs, those without a word too."""
        return self.absent + self.rest + sum(self.words.values())


Sketch = NumberSketch | WordSketch


def sketch_signals(signals: Mapping[str, Column]) -> dict[str, Sketch]:
    """Sketch every signal that can drift."""
    watched = [signal for signal in SIGNALS if signal.name in signals and signal.name not in IDENTITIES]
    return {
        signal.name: sketch_words(np.asarray(signals[signal.name], dtype=np.object_))
        if signal.type == "str"
        else sketch_numbers(np.asarray(signals[signal.name], dtype=np.float64))
        for signal in watched
    }


def sketch_numbers(column: Floats) -> NumberSketch:
    """Sketch (n,) float64, NaN where absent: exactly up to POINTS different values, else within 1/POINTS."""
    present = column[~np.isnan(column)]
    values, counts = np.unique(present, return_counts=True)
    return _thinned(values, counts, len(column) - len(present), 0.0)


def sketch_words(column: Words) -> WordSketch:
    """Count (n,) words, None where absent: exactly up to WORDS different ones."""
    words = Counter(str(word) for word in column if word is not None)
    return _most_frequent(words, 0, len(column) - words.total())


def merge_sketches(sketches: Sequence[Sketch]) -> Sketch:
    """Sketch the pairs of all of these together, at least one and all of one signal; `error` grows by 1/POINTS."""
    numbers = [sketch for sketch in sketches if isinstance(sketch, NumberSketch)]
    return _merge_numbers(numbers) if numbers else _merge_words([s for s in sketches if isinstance(s, WordSketch)])


def shares_up_to(sketch: NumberSketch, numbers: Floats, *, below: bool = False) -> Floats:
    """Tell which share of the pairs lies at or below each number, or strictly below; absent ones lie below all."""
    cumulative = np.concatenate(([0], np.cumsum(np.array(sketch.counts, dtype=np.int64))))
    places = np.searchsorted(np.array(sketch.values), numbers, side="left" if below else "right")
    return (sketch.absent + cumulative[places]) / max(sketch.pairs, 1)


def quantiles(sketch: NumberSketch, shares: Floats) -> Floats:
    """Give the least values that have at least these shares of the measured pairs at or below them."""
    cumulative = np.cumsum(np.array(sketch.counts, dtype=np.int64))
    if len(cumulative) == 0:
        return np.empty(0)
    return np.asarray(np.array(sketch.values)[np.searchsorted(cumulative, shares * cumulative[-1])])


def sketches_to_json(signals: Mapping[str, Sketch]) -> dict[str, dict[str, Any]]:
    """Write sketches as they are stored."""
    return {name: asdict(sketch) for name, sketch in signals.items()}


def sketches_from_json(stored: Mapping[str, Mapping[str, Any]]) -> dict[str, Sketch]:
    """Read sketches as `sketches_to_json` wrote them."""
    return {name: _from_json(sketch) for name, sketch in stored.items()}


def _from_json(stored: Mapping[str, Any]) -> Sketch:
    if "words" in stored:
        return WordSketch(**stored)
    return NumberSketch(**{**stored, "values": tuple(stored["values"]), "counts": tuple(stored["counts"])})


def _merge_numbers(sketches: Sequence[NumberSketch]) -> NumberSketch:
    values, places = np.unique(np.concatenate([sketch.values for sketch in sketches]), return_inverse=True)
    counts = np.zeros(len(values), dtype=np.int64)
    np.add.at(counts, places, np.concatenate([np.array(sketch.counts, dtype=np.int64) for sketch in sketches]))
    pairs = sum(sketch.pairs for sketch in sketches)
    error = sum(sketch.pairs * sketch.error for sketch in sketches) / max(pairs, 1)
    return _thinned(values, counts, sum(sketch.absent for sketch in sketches), error)


def _merge_words(sketches: Sequence[WordSketch]) -> WordSketch:
    words: Counter[str] = Counter()
    for sketch in sketches:
        words.update(sketch.words)
    return _most_frequent(words, sum(s.rest for s in sketches), sum(s.absent for s in sketches))


def _most_frequent(words: Counter[str], rest: int, absent: int) -> WordSketch:
    ordered = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    return WordSketch(dict(ordered[:WORDS]), rest + sum(count for _, count in ordered[WORDS:]), absent)


def _thinned(values: Floats, counts: Integers, absent: int, error: float) -> NumberSketch:
    """Leave values out until POINTS are left; what lay at them now lies at the next one kept."""
    kept = _kept_points(counts)
    grouped = np.diff(np.cumsum(counts)[kept], prepend=0)
    moved = int((grouped - counts[kept]).max(initial=0))
    pairs = absent + int(counts.sum())
    return NumberSketch(
        tuple(values[kept].tolist()), tuple(grouped.tolist()), absent, error + moved / pairs if moved else error
    )


def _kept_points(counts: Integers) -> Integers:
    """Choose the values at which another POINTS-th of the pairs is reached: less than that lies between two."""
    if len(counts) <= POINTS:
        return np.arange(len(counts))
    cumulative = np.cumsum(counts)
    reached = cumulative[-1] * np.arange(1, POINTS + 1) / POINTS
    return np.unique(np.searchsorted(cumulative, reached))
