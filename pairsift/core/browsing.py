"""Pairs in memory by columns, as people browse them: which of them, in which order, a page at a time."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.judgements import REASONS, VERDICTS, Judgements, reason_code
from pairsift.core.records import Reason, Verdict

Key = tuple[bool, float, int]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where n pairs stand: those of partition k at the places `starts[k]` up to `starts[k + 1]`, by ordinal from 0."""

    partitions: tuple[str, ...]
    attempts: tuple[int, ...]
    starts: tuple[int, ...]

    def __len__(self) -> int:
        return self.starts[-1]

    def pair_at(self, place: int) -> tuple[int, int]:
        """Name the pair at a place by attempt and ordinal."""
        number = self.partition_at(place)
        return self.attempts[number], place - self.starts[number]

    def partition_at(self, place: int) -> int:
        """Tell the number of the partition that a place belongs to."""
        return bisect_right(self.starts, place) - 1

    def find(self, attempt: int, ordinal: int) -> int | None:
        """Find a pair's place; None where there is no such pair."""
        if attempt not in self.attempts:
            return None
        number = self.attempts.index(attempt)
        place = self.starts[number] + ordinal
        return place if ordinal >= 0 and place < self.starts[number + 1] else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pairs are wanted; None wants any."""

    verdict: Verdict | None = None
    reason: Reason | None = None
    partition: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ordering:
    """By which values, (n,) float64, pairs are put in order: the measured ones first, equal ones by their places.

    Without values they stay in the order of their places.
    """

    values: Floats | None = None
    descending: bool = False

    def key(self, place: int) -> Key:
        """Give what the pair at a place is ordered by."""
        return self.key_of(None if self.values is None else float(self.values[place]), place)

    def key_of(self, value: float | None, place: int) -> Key:
        """Give what a pair of this value at this place is ordered by."""
        if self.values is None:
            return False, 0.0, place
        if value is None or np.isnan(value):
            return True, 0.0, place
        return False, -value if self.descending else value, place


@dataclass(frozen=True, slots=True)
class Page:
    """Some pairs in their order: their places, how many are before them, and of how many in all."""

    places: list[int]
    before: int
    total: int

    @property
    def after(self) -> int:
        """How many come after them."""
        return self.total - self.before - len(self.places)


def order_by(values: Floats, *, descending: bool) -> Integers:
    """Give the places of all pairs as `Ordering` orders them."""
    return np.argsort(-values if descending else values, kind="stable")  # NaN goes last


def matching(places: Places, judged: Judgements, wanted: Wanted) -> Flags:
    """Mark the pairs, (n,) bool, that are wanted."""
    marked = np.ones(len(places), dtype=np.bool_)
    if wanted.verdict is not None:
        marked &= judged.verdicts == VERDICTS.index(wanted.verdict)
    if wanted.reason is not None:
        marked &= judged.reasons == reason_code(wanted.reason)
    if wanted.partition is not None:
        here = np.zeros_like(marked)
        if wanted.partition in places.partitions:
            number = places.partitions.index(wanted.partition)
            here[places.starts[number] : places.starts[number + 1]] = True
        marked &= here
    return marked


def count_reasons(judged: Judgements, decided: Flags) -> dict[Reason, int]:
    """Count the decided pairs of every reason, the most frequent first."""
    counts = np.bincount(judged.reasons[decided], minlength=len(REASONS)).tolist()
    found = [(reason, count) for reason, count in zip(REASONS, counts, strict=True) if reason is not None and count]
    return dict(sorted(found, key=lambda each: (-each[1], each[0])))


def page_after(chosen: Sequence[int] | Integers, ordering: Ordering, at: Key | None, count: int) -> Page:
    """Give the first `count` of the chosen places, which are in order, behind a key; from the beginning without one."""
    begin = 0 if at is None else bisect_right(chosen, at, key=ordering.key)
    return _page(chosen, begin, begin + count)


def page_before(chosen: Sequence[int] | Integers, ordering: Ordering, at: Key, count: int) -> Page:
    """Give the last `count` of the chosen places, which are in order, in front of a key."""
    end = bisect_left(chosen, at, key=ordering.key)
    return _page(chosen, max(0, end - count), end)


def _page(chosen: Sequence[int] | Integers, begin: int, end: int) -> Page:
    return Page([int(place) for place in chosen[begin:end]], begin, len(chosen))
