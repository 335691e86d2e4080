"""Which pairs are copies, and which pair of each group of copies stays.

Pairs are compared in the order of who stays: what earlier decisions let stand first, then what fell by them, then by
(uid, partition, ordinal). Each is dropped that is a copy of an earlier one that stays, so that what is dropped has its
like among what is kept, and no two that stay are copies, unless both are settled. docs/duplicates.md has the kinds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Flags, Integers
from pairsift.core.copy_kinds import Duplicates
from pairsift.core.judgements import Codes, reason_code
from pairsift.core.near_copies import Hashes, near_standing
from pairsift.core.records import Reason
from pairsift.core.semantic_copies import Embeddings, measured_rows, semantic_standing
from pairsift.core.standing import Standing, all_stand

Bytes = npt.NDArray[np.bytes_]
"""Words of ASCII, empty where there is none."""

_NOBODY = -1
_PLACEHOLDER = reason_code(Reason.PLACEHOLDER)


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """What was found of n pairs: `reasons` (n,) codes, 0 where a pair is not dropped as a copy.

    `groups` (n,) is the index of the pair that names a pair's group, by its uid, -1 where it has no copies: the keeper,
    the group's only pair that is not dropped; of a placeholder, of which none is kept, the first pair.
    """

    reasons: Codes
    groups: Integers

    @property
    def keepers(self) -> Integers:
        """The index of the pair that is kept in place of each: (n,), -1 where it is not dropped, or none is kept."""
        return np.where((self.reasons == 0) | (self.reasons == _PLACEHOLDER), _NOBODY, self.groups)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """n pairs among which copies are looked for; what no policy asks for may be left empty.

    Only `candidates` (n,) count: those that can be read and passed the rules. `partitions` (n,) number the pairs'
    partitions in the order of their keys. `settled` (n,) marks what earlier decisions judged no copy: it never becomes
    a copy, but may be found to be a placeholder. `earlier` is what they found: what fell beside a pair that is settled
    stays with it, unless one of the two turns out to be a placeholder. `pictures` are sha256s of image files, `hashes`
    (n,) perceptual hashes, of those that are `hashed` (n,); `embeddings` (n, d) are of images, a row of NaN or 0 where
    there is none.
    """

    uids: Bytes
    candidates: Flags
    partitions: Integers
    ordinals: Integers
    settled: Flags
    earlier: Copies
    pictures: Bytes
    hashes: Hashes
    hashed: Flags
    embeddings: Embeddings


@dataclass(frozen=True, slots=True, eq=False)
class _Ordered:
    """The m candidates in the order of who stays: their places, and the numbers of their uids and pictures."""

    compared: Compared
    places: Integers
    uids: Integers
    pictures: Integers
    settled: Flags

    def take(self, rows: Integers) -> "_Ordered":
        return _Ordered(self.compared, *(getattr(self, field.name)[rows] for field in fields(self)[1:]))


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What is known so far of the m candidates: who stands for each, and why it fell."""

    keepers: Integers
    reasons: Codes


def find_copies(compared: Compared, duplicates: Duplicates) -> Copies:
    """Find placeholders, then exact, near and semantic copies, each kind among what the kinds before it left.

    A keeper that falls to a later kind takes its copies along: their keeper is its keeper, by that kind.
    """
    ordered = _in_order(compared, duplicates)
    found = _stay_fallen(_placeholders(ordered, duplicates), ordered)
    for reason, find in _KINDS.items():
        left = np.flatnonzero(found.reasons == 0)
        found = _note(found, left, find(ordered.take(left), duplicates), reason_code(reason))
    return _spread(found, ordered.places, len(compared.uids))


def no_copies(count: int) -> Copies:
    """Say of `count` pairs that none is a copy."""
    return Copies(np.zeros(count, dtype=np.uint8), np.full(count, _NOBODY))


def to_bytes(words: Sequence[str | None]) -> Bytes:
    """Write words as an array, which takes a third of the memory."""
    return np.array([word or "" for word in words], dtype=np.bytes_)


def beyond_partitions(copies: Copies, partitions: Integers) -> Flags:
    """Mark the pairs, (n,) bool, whose group has pairs of several partitions, (n,) as `Compared` numbers them."""
    grouped = np.flatnonzero(copies.groups >= 0)
    groups, here = copies.groups[grouped], partitions[grouped]
    lowest = np.full(len(partitions), np.iinfo(np.int64).max)
    highest = np.full(len(partitions), _NOBODY)
    np.minimum.at(lowest, groups, here)
    np.maximum.at(highest, groups, here)
    several = np.zeros(len(partitions), dtype=np.bool_)
    several[grouped] = lowest[groups] < highest[groups]
    return several


def _in_order(compared: Compared, duplicates: Duplicates) -> _Ordered:
    uids = _numbered(compared.uids)
    newest = np.where(compared.settled, 0, np.where(compared.earlier.reasons > 0, 1, 2))
    order = np.lexsort((compared.ordinals, compared.partitions, uids, newest))
    order = order[compared.candidates[order]]
    pictures = uids if duplicates.placeholders is None else _numbered(compared.pictures)
    return _Ordered(compared, order, uids[order], pictures[order], compared.settled[order])


def _numbered(words: Bytes) -> Integers:
    """Number words by their order, equal ones alike, from 1; 0 is none."""
    return np.unique(np.concatenate([[b""], words]), return_inverse=True)[1][1:].astype(np.int64)


def _placeholders(ordered: _Ordered, duplicates: Duplicates) -> _Found:
    """Find the pairs whose picture has many captions: a uid is a picture and a caption, so it has as many uids."""
    rows = np.arange(len(ordered.places))
    if duplicates.placeholders is None:
        return _Found(rows, np.zeros(len(rows), dtype=np.uint8))
    one_a_uid = np.unique(ordered.uids, return_index=True)[1]
    captions = np.bincount(ordered.pictures[one_a_uid])[ordered.pictures] if len(rows) else rows
    many = (captions >= duplicates.placeholders.captions) & (ordered.pictures > 0)
    keepers = np.where(many, _firsts(ordered.pictures)[ordered.pictures], rows)
    return _Found(keepers, np.where(many, _PLACEHOLDER, 0).astype(np.uint8))


def _stay_fallen(found: _Found, ordered: _Ordered) -> _Found:
    """Leave what fell by earlier decisions with its keeper, if that still stands."""
    row_of = np.full(len(ordered.compared.uids) + 1, _NOBODY)
    row_of[ordered.places] = np.arange(len(ordered.places))
    keepers = row_of[ordered.compared.earlier.keepers[ordered.places]]  # the last is nobody's
    both = (keepers >= 0) & (found.reasons == 0) & (found.reasons[keepers] == 0) & ordered.settled[keepers]
    reasons = np.where(both, ordered.compared.earlier.reasons[ordered.places], found.reasons)
    return _Found(np.where(both, keepers, found.keepers), reasons)


def _stand_by_uid(left: _Ordered, duplicates: Duplicates) -> Standing:
    if duplicates.exact == "keep":
        return all_stand(len(left.places))
    keepers = _firsts(left.uids)[left.uids]
    return Standing((keepers == np.arange(len(keepers))) | left.settled, keepers)


def _stand_by_hash(left: _Ordered, duplicates: Duplicates) -> Standing:
    if duplicates.near is None:
        return all_stand(len(left.places))
    hashed = np.flatnonzero(left.compared.hashed[left.places])
    hashes = left.compared.hashes[left.places[hashed]]
    return _among(left, hashed, near_standing(hashes, duplicates.near.hamming, left.settled[hashed]))


def _stand_by_embedding(left: _Ordered, duplicates: Duplicates) -> Standing:
    if duplicates.semantic is None:
        return all_stand(len(left.places))
    embeddings = left.compared.embeddings
    measured = np.flatnonzero(measured_rows(embeddings)[left.places])
    cosine, settled = duplicates.semantic.cosine, left.settled[measured]
    return _among(left, measured, semantic_standing(embeddings, left.places[measured], cosine, settled))


_KINDS: dict[Reason, Callable[[_Ordered, Duplicates], Standing]] = {
    Reason.EXACT_DUPLICATE: _stand_by_uid,
    Reason.NEAR_DUPLICATE: _stand_by_hash,
    Reason.SEMANTIC_DUPLICATE: _stand_by_embedding,
}

COPY_REASONS = (Reason.PLACEHOLDER, *_KINDS)
"""Why copies are dropped."""


def _among(left: _Ordered, rows: Integers, standing: Standing) -> Standing:
    """Say of some what was found of them, and of the others that they stand."""
    everybody = all_stand(len(left.places))
    everybody.stands[rows], everybody.keepers[rows] = standing.stands, rows[standing.keepers]
    return everybody


def _firsts(classes: Integers) -> Integers:
    """Find the first row of each class."""
    firsts = np.full(classes.max(initial=-1) + 1, len(classes))
    np.minimum.at(firsts, classes, np.arange(len(classes)))
    return firsts


def _note(found: _Found, left: Integers, standing: Standing, reason: int) -> _Found:
    """Note who fell of those that were left, and lead those that they stood for to the new keepers."""
    fell = ~standing.stands
    keepers = found.keepers.copy()
    keepers[left[fell]] = left[standing.keepers[fell]]
    led = keepers[keepers]
    return _Found(led, np.where(led != found.keepers, reason, found.reasons).astype(np.uint8))


def _spread(found: _Found, places: Integers, count: int) -> Copies:
    """Put what was found of the candidates at the pairs' own places; a group is of two at least."""
    copies = no_copies(count)
    several = np.bincount(found.keepers, minlength=len(places))[found.keepers] > 1
    copies.reasons[places] = found.reasons
    copies.groups[places[several]] = places[found.keepers[several]]
    return copies
