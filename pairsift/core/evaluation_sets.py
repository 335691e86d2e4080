"""Evaluation sets, what a model will be measured on, and which pairs are in them: decontamination.

Each kind is tried among what the kinds before it left, set after set as the policy names them: the same image file, a
perceptual hash within some bits, an embedding with a cosine above a limit, the same caption.
"""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Floats, Integers
from pairsift.core.columns import Columns, Matches, Words, no_matches
from pairsift.core.copy_kinds import PERCEPTUAL_HASH
from pairsift.core.decontamination import Decontaminate
from pairsift.core.duplicates import Bytes, to_bytes
from pairsift.core.embedded import COSINE_STEP, rounded
from pairsift.core.fingerprint import fingerprint
from pairsift.core.judgements import reason_code
from pairsift.core.judging import judge_unread
from pairsift.core.near_copies import Hashes, parse_hashes, ties_within
from pairsift.core.records import Cleaner, Reason
from pairsift.core.semantic_copies import measured_rows

EVALUATION_RULE = "evaluation:v1"
"""Names what an evaluation set is; raise the version when that changes."""

EVALUATION_REASONS = (
    Reason.EVALUATION_IMAGE,
    Reason.EVALUATION_NEAR_IMAGE,
    Reason.EVALUATION_SEMANTIC_IMAGE,
    Reason.EVALUATION_CAPTION,
)
"""Why pairs are dropped that are in an evaluation set."""

_BLOCK_PAIRS, _BLOCK_MEMBERS = 512, 8192
_SLACK = 1e-3
"""Single precision errs by far less than this; what is as near to the limit is computed in double precision."""


@dataclass(frozen=True, slots=True)
class Member:
    """One different picture of an evaluation set, by the key of its first pair, or a caption without one.

    `embedding` is there where the picture could be read. `captions` are `caption_digest`s of all pairs with it, by the
    cleaner.
    """

    key: str
    picture: str | None
    hash: str | None
    embedding: npt.NDArray[np.float16] | None
    captions: Mapping[Cleaner, Sequence[str]]


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationSet:
    """m members as arrays: `keys`, `pictures` (sha256, empty without one), `hashes` of those `hashed`, `image` (m, d).

    A row of `image` is NaN where there is none. `captions` are `caption_digest`s, by cleaner, with the members' places.
    """

    fingerprint: str
    keys: Sequence[str]
    pictures: Bytes
    hashes: Hashes
    hashed: npt.NDArray[np.bool_]
    image: npt.NDArray[np.float16]
    captions: Mapping[Cleaner, tuple[Bytes, Integers]]


@dataclass(frozen=True, slots=True, eq=False)
class Suspects:
    """n pairs as they are held against evaluation sets; what the policy does not ask for may be left empty.

    `pictures` are sha256s of image files, `captions` cleaned ones, `image` (n, d) embeddings.
    """

    pictures: Sequence[str | None]
    captions: Sequence[str | None]
    image: npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """One evaluation set, the pairs that are held against it, and what is asked for."""

    held: EvaluationSet
    asked: Decontaminate
    suspects: Suspects
    columns: Columns
    cleaner: Cleaner


@dataclass(frozen=True, slots=True, eq=False)
class _Hits:
    """Some of the pairs that were asked about, their members, and how far these are."""

    rows: Integers
    members: Integers
    distances: Floats


def evaluation_set(members: Sequence[Member]) -> EvaluationSet:
    """Bring members, each picture once, into one order, and name them by their content."""
    ordered = sorted(members, key=lambda member: (member.picture or "", member.key))
    hashes, hashed = parse_hashes([member.hash for member in ordered])
    size = next((len(each.embedding) for each in ordered if each.embedding is not None), 0)
    nothing = np.full(size, np.nan, dtype=np.float16)
    image = np.array([nothing if each.embedding is None else each.embedding for each in ordered], dtype=np.float16)
    content = {
        "rule": EVALUATION_RULE,
        "members": [[each.key, each.picture, each.hash, _sorted_captions(each)] for each in ordered],
        "rows": hashlib.sha256(image.tobytes()).hexdigest(),
    }
    return EvaluationSet(
        fingerprint=fingerprint(content),
        keys=[member.key for member in ordered],
        pictures=to_bytes([member.picture for member in ordered]),
        hashes=hashes,
        hashed=hashed,
        image=image.reshape(len(ordered), size),
        captions={cleaner: _captions_of(ordered, cleaner) for cleaner in Cleaner},
    )


def caption_digest(caption: str) -> str:
    """Identify what a caption says by its letters and digits alone: 32 hex digits."""
    return hashlib.sha256(_letters(caption).encode()).hexdigest()[:32]


def find_matches(
    asked: Decontaminate, sets: Mapping[str, EvaluationSet], suspects: Suspects, columns: Columns, cleaner: Cleaner
) -> Matches:
    """Find which of the readable pairs are in the evaluation sets, by name, that a policy asks for."""
    readable, codes = judge_unread(columns).kept, np.zeros(columns.count, dtype=np.uint8)
    members: Words = np.full(columns.count, None, dtype=np.object_)
    distances = np.full(columns.count, np.nan)
    for reason in EVALUATION_REASONS:
        for name in asked.against:
            hits = _find(_Search(sets[name], asked, suspects, columns, cleaner), reason, readable[codes[readable] == 0])
            codes[hits.rows], distances[hits.rows] = reason_code(reason), hits.distances
            members[hits.rows] = [f"{name}/{sets[name].keys[member]}" for member in hits.members.tolist()]
    places = np.flatnonzero(codes)
    return Matches(places, codes[places], members[places], distances[places]) if len(places) else no_matches()


def _find(search: _Search, reason: Reason, rows: Integers) -> _Hits:
    """Find by one kind which of some pairs are in one set."""
    asked = search.asked
    if reason is Reason.EVALUATION_NEAR_IMAGE and asked.near is not None:
        return _by_hash(search, rows, asked.near.hamming)
    if reason is Reason.EVALUATION_SEMANTIC_IMAGE and asked.semantic is not None:
        return _by_embedding(search, rows, asked.semantic.cosine)
    if reason is Reason.EVALUATION_CAPTION and asked.captions is not None:
        return _by_caption(search, rows, asked.captions.characters)
    return _by_picture(search, rows) if reason is Reason.EVALUATION_IMAGE else _nobody()


def _by_picture(search: _Search, rows: Integers) -> _Hits:
    asked = to_bytes([search.suspects.pictures[row] for row in rows.tolist()])
    return _look_up(asked, rows, search.held.pictures, np.arange(len(search.held.pictures)))


def _by_hash(search: _Search, rows: Integers, limit: int) -> _Hits:
    """Compare different hashes by `ties_within`; of the nearest members the first is told."""
    held = search.held
    hashes, hashed = parse_hashes(search.columns.words(PERCEPTUAL_HASH)[rows].tolist())
    rows, hashes = rows[hashed], hashes[hashed]
    theirs, first = np.unique(held.hashes[held.hashed], return_index=True)
    first = np.flatnonzero(held.hashed)[first]
    every = np.unique(np.concatenate([theirs, hashes]))
    ties = ties_within(every, limit)
    ones = np.concatenate([ties.earlier, ties.later, np.arange(len(every))])
    others = np.concatenate([ties.later, ties.earlier, np.arange(len(every))])
    member_of = np.full(len(every), -1)
    member_of[np.searchsorted(every, theirs)] = first
    tied = member_of[others] >= 0
    ones, members = ones[tied], member_of[others[tied]]
    bits = np.bitwise_count(every[ones] ^ every[others[tied]]).astype(np.float64)
    nearest = _nearest(_Hits(ones, members, bits))
    at = np.full(len(every), -1)
    at[nearest.rows] = np.arange(len(nearest.rows))
    found = at[np.searchsorted(every, hashes)]
    return _Hits(rows[found >= 0], nearest.members[found[found >= 0]], nearest.distances[found[found >= 0]])


def _by_embedding(search: _Search, rows: Integers, limit: float) -> _Hits:
    """Find cosines above the limit in single precision, and compute those once more, whatever the blocks are."""
    ours, theirs = search.suspects.image, search.held.image
    rows, members = rows[measured_rows(ours[rows])], np.flatnonzero(measured_rows(theirs))
    found = [_nobody()]
    for first in range(0, len(members), _BLOCK_MEMBERS):
        others = members[first : first + _BLOCK_MEMBERS]
        unit = _unit(theirs[others])
        for start in range(0, len(rows), _BLOCK_PAIRS):
            block = rows[start : start + _BLOCK_PAIRS]
            one, other, distances = _alike(_unit(ours[block]), unit, limit)
            found.append(_Hits(block[one], others[other], distances))
    return _nearest(_joined(found))


def _alike(ours: Floats, theirs: Floats, limit: float) -> tuple[Integers, Integers, Floats]:
    """Give the places of unit rows with a cosine above the limit, and how far they are."""
    one, other = np.nonzero(ours.astype(np.float32) @ theirs.astype(np.float32).T > limit - _SLACK)
    cosines = rounded(np.einsum("ij,ij->i", ours[one], theirs[other]), COSINE_STEP)
    above = cosines > limit
    return one[above], other[above], 1 - cosines[above]


def _by_caption(search: _Search, rows: Integers, least: int) -> _Hits:
    captions = (search.suspects.captions[row] for row in rows.tolist())
    digests = [None if each is None or len(_letters(each)) < least else caption_digest(each) for each in captions]
    return _look_up(to_bytes(digests), rows, *search.held.captions[search.cleaner])


def _look_up(asked: Bytes, rows: Integers, digests: Bytes, members: Integers) -> _Hits:
    """Find the first member with each pair's digest; an empty one is nobody's."""
    if not len(digests) or not len(asked):
        return _nobody()
    order = np.argsort(digests, kind="stable")
    places = order[np.minimum(np.searchsorted(digests, asked, sorter=order), len(digests) - 1)]
    hit = (digests[places] == asked) & (asked != b"")
    return _Hits(rows[hit], members[places[hit]], np.zeros(np.count_nonzero(hit)))


def _nearest(hits: _Hits) -> _Hits:
    """Keep of each pair's members the nearest, of equally near ones the first."""
    order = np.lexsort((hits.members, hits.distances, hits.rows))
    rows, firsts = np.unique(hits.rows[order], return_index=True)
    return _Hits(rows, hits.members[order][firsts], hits.distances[order][firsts])


def _joined(hits: Sequence[_Hits]) -> _Hits:
    return _Hits(
        np.concatenate([each.rows for each in hits]),
        np.concatenate([each.members for each in hits]),
        np.concatenate([each.distances for each in hits]),
    )


def _nobody() -> _Hits:
    return _Hits(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def _unit(rows: npt.NDArray[np.floating]) -> Floats:
    wide = rows.astype(np.float64)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True), dtype=np.float64)


def _letters(caption: str) -> str:
    """Keep the letters, their marks, and the digits of a caption, in one case: in every script what it says."""
    folded = unicodedata.normalize("NFKC", caption).casefold()
    return "".join(each for each in folded if each.isalnum() or unicodedata.category(each).startswith("M"))


def _sorted_captions(member: Member) -> dict[str, list[str]]:
    return {cleaner: sorted(set(member.captions.get(cleaner, ()))) for cleaner in Cleaner}


def _captions_of(members: Sequence[Member], cleaner: Cleaner) -> tuple[Bytes, Integers]:
    found = [(digest, row) for row, member in enumerate(members) for digest in _sorted_captions(member)[cleaner]]
    return to_bytes([digest for digest, _ in found]), np.array([row for _, row in found], dtype=np.int64)
