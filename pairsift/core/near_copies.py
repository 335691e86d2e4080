"""All pairs of 64-bit hashes within a Hamming distance: multi-index hashing (Norouzi, Punjani and Fleet, 2012).

The bits are cut into bands. Hashes that differ in at most `limit` bits differ in few bits of at least one band
(pigeonhole), so that only those are compared whose band is equal but for a few flipped bits: the result is exact.
faiss' IndexBinaryMultiHash does the same at 20 to 40 times the cost (docs/log.md): it looks hashes up in no order.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Flags, Integers
from pairsift.core.standing import Standing, Ties, let_stand

Hashes = npt.NDArray[np.uint64]

_HASH_BITS = 64
_COMPARED_AT_ONCE = 1 << 21
"""Bounds the memory of comparing: some 100 MB."""
_FEWEST_BANDS, _MOST_BANDS = 3, 8
"""Two bands of 32 bits would need tables of 4 billion entries; nine of 7 bits tell hardly anything apart."""
_FLIP_NS, _LOOKUP_NS, _COMPARE_NS, _SORT_NS, _TABLE_NS = 60_000, 20, 18, 250, 3
"""Measured on one core: a flip at all, one hash looked up, two compared, one sorted, a table's entry made."""


@dataclass(frozen=True, slots=True)
class _Band:
    """`bits` bits from `shift` up, in which hashes may differ in `radius` bits; none stands for all pairs."""

    shift: int
    bits: int
    radius: int


def parse_hashes(words: Sequence[str | None]) -> tuple[Hashes, Flags]:
    """Read hashes from their 16 hex digits: (n,) uint64, 0 where there is none, and (n,) bool where there is one."""
    there = np.array([word is not None for word in words], dtype=np.bool_)
    digits = "".join(["0" * 16 if word is None else word for word in words])
    return np.frombuffer(bytes.fromhex(digits), dtype=">u8").astype(np.uint64), there


def near_standing(hashes: Hashes, limit: int, settled: Flags) -> Standing:
    """Let pictures stand in the order of their hashes (n,), those with the same hash decided once, by their first."""
    _, firsts, classes = np.unique(hashes, return_index=True, return_inverse=True)
    by_first = np.argsort(firsts)
    firsts, classes = firsts[by_first], np.argsort(by_first)[classes]
    of_classes = let_stand(ties_within(hashes[firsts], limit), settled[firsts])
    is_first = firsts[classes] == np.arange(len(hashes))
    return Standing((is_first & of_classes.stands[classes]) | settled, firsts[of_classes.keepers[classes]])


def ties_within(hashes: Hashes, limit: int) -> Ties:
    """Find all pairs of hashes, (n,) each another, that differ in at most `limit` bits; a pair may come repeatedly."""
    found = [_compare(hashes, band, limit) for band in _plan(len(hashes), limit)]
    ones, others = (np.concatenate([pairs[side] for pairs in found]) for side in (0, 1))
    return Ties(np.minimum(ones, others), np.maximum(ones, others))


def _plan(count: int, limit: int) -> list[_Band]:
    """Choose how many bands cost least; comparing all with all is one of the choices."""
    plans = [[_Band(0, 0, 0)], *(_split(bands, limit) for bands in range(_FEWEST_BANDS, _MOST_BANDS + 1))]
    return min(plans, key=lambda plan: sum(_cost(count, band) for band in plan))


def _split(bands: int, limit: int) -> list[_Band]:
    """Cut the bits into bands, and share out the flips: radii that add up to `limit` + 1 - bands miss nothing."""
    edges = [_HASH_BITS * n // bands for n in range(bands + 1)]
    each, more = divmod(limit + 1, bands)
    radii = [each - 1 + (n < more) for n in range(bands)]
    return [_Band(edges[n], edges[n + 1] - edges[n], radii[n]) for n in range(bands) if radii[n] >= 0]


def _cost(count: int, band: _Band) -> float:
    flips = sum(math.comb(band.bits, flipped) for flipped in range(band.radius + 1))
    buckets = 1 << band.bits
    compared = count * count / 2 / buckets
    prepared = count * _SORT_NS + buckets * _TABLE_NS
    return prepared + flips * (_FLIP_NS + count / 2 * _LOOKUP_NS + compared * _COMPARE_NS)


def _compare(hashes: Hashes, band: _Band, limit: int) -> tuple[Integers, Integers]:
    """Compare the hashes that are alike in a band."""
    keys = ((hashes >> np.uint64(band.shift)) & np.uint64((1 << band.bits) - 1)).astype(np.int32)
    order = np.argsort(keys, kind="stable")
    sorted_hashes = hashes[order]
    ones, others = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for rows, starts, counts in _alike(keys[order], band):
        for left, right in _expand(rows, starts, counts):
            near = np.bitwise_count(sorted_hashes[left] ^ sorted_hashes[right]) <= limit
            ones.append(order[left[near]])
            others.append(order[right[near]])
    return np.concatenate(ones), np.concatenate(others)


def _alike(keys: npt.NDArray[np.int32], band: _Band) -> Iterator[tuple[Integers, Integers, Integers]]:
    """Tell for each flip which rows of the sorted keys have which rows beside them: from a start, so many.

    A flip leads there and back, so only rows are asked whose highest flipped bit is 0.
    """
    starts = np.zeros((1 << band.bits) + 1, dtype=np.int32)
    np.cumsum(np.bincount(keys, minlength=1 << band.bits), out=starts[1:])
    rows = np.arange(len(keys), dtype=np.int32)
    yield _beside(rows, rows + 1, starts[keys + 1])
    for highest in range(band.bits if band.radius else 0):
        asked = np.flatnonzero((keys >> highest) & 1 == 0).astype(np.int32)
        asked_keys = keys[asked] | np.int32(1 << highest)
        for flip in _flips(highest, band.radius - 1):
            flipped = asked_keys ^ np.int32(flip)
            yield _beside(asked, starts[flipped], starts[1:][flipped])


def _beside(
    rows: npt.NDArray[np.int32], starts: npt.NDArray[np.int32], stops: npt.NDArray[np.int32]
) -> tuple[Integers, Integers, Integers]:
    some = np.flatnonzero(stops > starts)
    return rows[some].astype(np.int64), starts[some].astype(np.int64), (stops[some] - starts[some]).astype(np.int64)


def _flips(bits: int, radius: int) -> Iterator[int]:
    """All ways to flip at most `radius` of the lowest bits."""
    for flipped in range(radius + 1):
        for places in combinations(range(bits), flipped):
            yield sum(1 << place for place in places)


def _expand(rows: Integers, starts: Integers, counts: Integers) -> Iterator[tuple[Integers, Integers]]:
    """List each row with each of those beside it, a bounded number at a time."""
    ends = np.cumsum(counts)
    first = 0
    while first < len(rows):
        done = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _COMPARED_AT_ONCE, side="right")))
        block = slice(first, last)
        begins = ends[block] - counts[block] - done
        shifts = np.repeat(starts[block] - begins, counts[block])
        yield np.repeat(rows[block], counts[block]), np.arange(len(shifts)) + shifts
        first = last
