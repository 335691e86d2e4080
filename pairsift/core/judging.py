"""What is said of each pair before scores are compared: unreadable, in an evaluation set, rules, copies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pairsift.core.arrays import Flags, Integers
from pairsift.core.columns import Columns, Matches, Words
from pairsift.core.copy_kinds import PERCEPTUAL_HASH, Duplicates
from pairsift.core.duplicates import Bytes, Compared, find_copies, no_copies, to_bytes
from pairsift.core.fingerprint import fingerprint
from pairsift.core.judgements import DROP, KEEP, QUARANTINE, REASONS, Codes, Judgements, overrule, reason_code
from pairsift.core.near_copies import parse_hashes
from pairsift.core.policy import Policy
from pairsift.core.records import Reason
from pairsift.core.rules import first_failures
from pairsift.core.semantic_copies import Embeddings
from pairsift.errors import ConfigError

Given = TypeVar("Given")

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

_TOLD_FIRST = (Reason.FORGOTTEN, *UNREADABLE)


@dataclass(frozen=True, slots=True, eq=False)
class NamedCopies:
    """What is told of those m of a table's pairs that have copies, all (m,): `places` are theirs in the table, rising.

    `reasons` are codes, 0 of a keeper. `groups` and `keepers` are words as in `Decision`.
    """

    places: Integers
    reasons: Codes
    groups: Words
    keepers: Words


@dataclass(frozen=True, slots=True, eq=False)
class PairTable:
    """n pairs in their order (ordinal = index): all that a decision goes by, besides z and p.

    What a policy's `duplicates` asks for besides: `names`, PARTITION/KEY, by which keepers of copies are named;
    `pictures`, the sha256 of every image file, for placeholders; `embeddings` of the images, (n, d), for semantic ones.
    Or, in place of these, the `copies` that were found in the whole data set.
    """

    uids: Sequence[str]
    columns: Columns
    names: Sequence[str] | None = None
    pictures: Sequence[str | None] | None = None
    embeddings: Embeddings | None = None
    copies: NamedCopies | None = None


@dataclass(frozen=True, slots=True, eq=False)
class JudgedAlone:
    """What is said of pairs before scores are compared, and which pair stays for which."""

    judgements: Judgements
    copies: NamedCopies

    @property
    def kept(self) -> Integers:
        """The places of those that survive."""
        return self.judgements.kept


def judge_alone(table: PairTable, policy: Policy) -> JudgedAlone:
    """Judge what needs no comparison of scores: unreadable pairs, failed rules, copies; KEEP: it survives.

    ConfigError if the policy asks for a signal, or for something to find copies by, that the table has not got.
    """
    judged = judge_by_rules(table.columns, policy)
    copies = table.copies
    if copies is None:
        copies = _copies_within(table, policy, judged.verdicts == KEEP)
    fell = copies.reasons > 0
    dropped = Judgements(np.full(np.count_nonzero(fell), DROP, dtype=np.uint8), copies.reasons[fell])
    return JudgedAlone(overrule(judged, copies.places[fell], dropped), copies)


def copies_digest(found: Mapping[str, NamedCopies]) -> str:
    """Identify the copies that were found in a data set, by partitions' keys (16 hex digits); empty without any."""
    content = {key: _fingerprint(copies) for key, copies in found.items() if len(copies.places)}
    return fingerprint(content)[:16] if content else ""


def _fingerprint(copies: NamedCopies) -> str:
    reasons = [REASONS[code] for code in copies.reasons.tolist()]
    return fingerprint([copies.places.tolist(), reasons, copies.groups.tolist(), copies.keepers.tolist()])


def judge_by_rules(columns: Columns, policy: Policy) -> Judgements:
    """Judge unreadable pairs, parts of evaluation sets and failed rules; KEEP: it passed, and may be a copy."""
    judged = judge_unread(columns)
    if policy.decontaminate is not None:
        judged = _judge_matches(judged, columns.matches)
    left = judged.kept
    return overrule(judged, left, first_failures(policy.rules, columns, left).judged)


def _judge_matches(judged: Judgements, matches: Matches | None) -> Judgements:
    """Drop the pairs that are in an evaluation set."""
    if matches is None:
        raise ConfigError("the policy's decontaminate compares pairs with evaluation sets, which were not given")
    dropped = Judgements(np.full(len(matches.places), DROP, dtype=np.uint8), matches.reasons)
    return overrule(judged, matches.places, dropped)


def judge_unread(columns: Columns) -> Judgements:
    """Drop the pairs that are forgotten, and quarantine those of which image or caption cannot be read."""
    place = np.full(len(REASONS), len(_TOLD_FIRST), dtype=np.uint8)
    place[[reason_code(reason) for reason in _TOLD_FIRST]] = np.arange(len(_TOLD_FIRST))
    first = np.full(columns.count, len(_TOLD_FIRST), dtype=np.uint8)
    for codes in columns.reasons.values():
        first = np.minimum(first, place[codes])
    told = np.array([*map(reason_code, _TOLD_FIRST), 0], dtype=np.uint8)[first]
    verdicts = np.select([told == reason_code(Reason.FORGOTTEN), told > 0], [DROP, QUARANTINE], KEEP)
    return Judgements(verdicts.astype(np.uint8), told)


def _copies_within(table: PairTable, policy: Policy, candidates: Flags) -> NamedCopies:
    """Find which of a table's pairs are copies of each other."""
    if not policy.duplicates.looked_for:
        nothing, words = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.object_)
        return NamedCopies(nothing, nothing.astype(np.uint8), words, words)
    copies = find_copies(_compared(table, policy.duplicates, candidates), policy.duplicates)
    places = np.flatnonzero(copies.groups >= 0)
    groups = _named(table.uids, copies.groups[places])
    keepers = _named(table.names or [None] * len(table.uids), copies.keepers[places])
    return NamedCopies(places, copies.reasons[places], groups, keepers)


def _compared(table: PairTable, duplicates: Duplicates, candidates: Flags) -> Compared:
    """Take from a partition's table what its pairs are compared by, and nothing else; nothing is settled in it."""
    count = table.columns.count
    hashes, hashed = parse_hashes([] if duplicates.near is None else table.columns.words(PERCEPTUAL_HASH).tolist())
    nothing = np.empty((0, 0), dtype=np.float32)
    return Compared(
        uids=to_bytes(table.uids),
        candidates=candidates,
        partitions=np.zeros(count, dtype=np.int64),
        ordinals=np.arange(count),
        settled=np.zeros(count, dtype=np.bool_),
        earlier=no_copies(count),
        pictures=_pictures(table, duplicates),
        hashes=hashes,
        hashed=hashed,
        embeddings=nothing if duplicates.semantic is None else _given(table.embeddings, "semantic", "embeddings"),
    )


def _pictures(table: PairTable, duplicates: Duplicates) -> Bytes:
    return to_bytes(() if duplicates.placeholders is None else _given(table.pictures, "placeholders", "pictures"))


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
