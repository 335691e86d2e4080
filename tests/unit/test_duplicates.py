from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsift.core.copy_kinds import Duplicates
from pairsift.core.duplicates import Compared, Copies, beyond_partitions, find_copies, no_copies, to_bytes
from pairsift.core.judgements import REASONS, reason_code
from pairsift.core.near_copies import parse_hashes
from pairsift.core.records import Reason

EXACT, NEAR, SEMANTIC = Reason.EXACT_DUPLICATE, Reason.NEAR_DUPLICATE, Reason.SEMANTIC_DUPLICATE
PLACEHOLDER = Reason.PLACEHOLDER
EVERY_KIND = {"near": {"hamming": 3}, "semantic": {"cosine": 0.98}, "placeholders": {"captions": 3}}


@dataclass(frozen=True)
class Pair:
    uid: str
    phash: int | None = None
    degrees: float = float("nan")
    picture: str | None = None
    partition: int = 0
    ordinal: int = 0
    candidate: bool = True
    settled: bool = False


def compared(pairs: Sequence[Pair], earlier: Copies | None = None) -> Compared:
    hashes, hashed = parse_hashes([None if pair.phash is None else f"{pair.phash:016x}" for pair in pairs])
    radians = np.deg2rad([pair.degrees for pair in pairs])
    return Compared(
        uids=to_bytes([pair.uid for pair in pairs]),
        candidates=np.array([pair.candidate for pair in pairs], dtype=np.bool_),
        partitions=np.array([pair.partition for pair in pairs], dtype=np.int64),
        ordinals=np.array([pair.ordinal for pair in pairs], dtype=np.int64),
        settled=np.array([pair.settled for pair in pairs], dtype=np.bool_),
        earlier=no_copies(len(pairs)) if earlier is None else earlier,
        pictures=to_bytes([pair.picture for pair in pairs]),
        hashes=hashes,
        hashed=hashed,
        embeddings=np.stack([np.cos(radians), np.sin(radians)], axis=1),
    )


def copies(*pairs: Pair, **duplicates: object) -> Copies:
    numbered = [replace(pair, ordinal=pair.ordinal or number) for number, pair in enumerate(pairs)]
    return find_copies(compared(numbered), Duplicates.model_validate(duplicates))


def reasons(found: Copies) -> list[Reason | None]:
    return [REASONS[code] for code in found.reasons.tolist()]


def test_the_first_of_equal_uids_stays_and_names_the_group():
    found = copies(*map(Pair, ["b", "a", "b", "c", "a", "b"]))

    assert reasons(found) == [None, None, EXACT, None, EXACT, EXACT]
    assert found.groups.tolist() == [0, 1, 0, -1, 1, 0]
    assert found.keepers.tolist() == [-1, -1, 0, -1, 1, 0]


def test_of_equal_uids_the_one_of_the_first_partition_stays_then_of_the_first_place():
    found = copies(Pair("a", partition=1, ordinal=1), Pair("a", partition=0, ordinal=9), Pair("a", ordinal=8))

    assert found.keepers.tolist() == [2, 2, -1]


def test_a_settled_pair_stays_whatever_its_place():
    found = copies(Pair("a"), Pair("a", partition=7, settled=True))

    assert (reasons(found), found.keepers.tolist()) == ([EXACT, None], [1, -1])


def test_two_settled_pairs_both_stay_when_a_new_one_is_like_both():
    pairs = (Pair("b", phash=0b11), Pair("x", phash=0b1, settled=True), Pair("y", phash=0b1111, settled=True))

    found = copies(*pairs, near={"hamming": 2})

    assert reasons(found) == [NEAR, None, None]
    assert found.groups.tolist() == [1, 1, -1]


def test_a_keeper_that_fails_a_rule_keeps_nothing():
    found = copies(Pair("a", candidate=False), Pair("a"), Pair("a"))

    assert (reasons(found), found.groups.tolist()) == ([None, None, EXACT], [-1, 1, 1])


def test_near_copies_are_those_within_the_limit():
    found = copies(Pair("a", phash=0), Pair("b", phash=0b1111), Pair("c", phash=0b11111 << 40), near={"hamming": 4})

    assert reasons(found) == [None, NEAR, None]


def test_a_picture_without_a_hash_is_nobody_s_near_copy():
    found = copies(Pair("a", phash=0), Pair("b"), Pair("c"), Pair("d", phash=0), near={"hamming": 16})

    assert reasons(found) == [None, None, None, NEAR]


def test_a_picture_without_an_embedding_is_nobody_s_semantic_copy():
    found = copies(Pair("a", degrees=0), Pair("b"), Pair("c"), Pair("d", degrees=1), semantic={"cosine": 0.9})

    assert reasons(found) == [None, None, None, SEMANTIC]


def test_the_smallest_uid_stays_not_the_first():
    found = copies(Pair("b", phash=1), Pair("a", phash=0), near={"hamming": 1})

    assert (reasons(found), found.groups.tolist()) == ([NEAR, None], [1, 1])


def test_a_chain_falls_only_where_its_neighbour_stands():
    found = copies(Pair("a", phash=0), Pair("b", phash=0b11), Pair("c", phash=0b1111), near={"hamming": 2})

    assert (reasons(found), found.groups.tolist()) == ([None, NEAR, None], [0, 0, -1])


def test_a_keeper_that_falls_takes_its_copies_along():
    pairs = (
        Pair("a", phash=0xFFFF0000, degrees=0),
        Pair("b", phash=0, degrees=1),
        Pair("b", phash=0, degrees=1),
        Pair("c", phash=1, degrees=90),
    )

    found = copies(*pairs, near={"hamming": 2}, semantic={"cosine": 0.99})

    assert reasons(found) == [None, SEMANTIC, SEMANTIC, SEMANTIC]
    assert found.keepers.tolist() == [-1, 0, 0, 0]


def test_a_picture_under_as_many_captions_is_a_placeholder():
    three = [Pair(uid, picture="logo") for uid in "abc"]

    assert reasons(copies(*three, placeholders={"captions": 4})) == [None, None, None]
    assert reasons(copies(*three, placeholders={"captions": 3})) == [PLACEHOLDER] * 3


def test_captions_of_a_placeholder_count_once_and_its_copies_fall_with_it():
    logos = [Pair(uid, picture="logo") for uid in "aab"]

    assert reasons(copies(*logos, placeholders={"captions": 3})) == [None, EXACT, None]
    found = copies(*logos, placeholders={"captions": 2})
    assert reasons(found) == [PLACEHOLDER] * 3
    assert (found.groups.tolist(), found.keepers.tolist()) == ([0, 0, 0], [-1, -1, -1])


def test_only_candidates_make_a_placeholder():
    pairs = (Pair("a", picture="logo"), Pair("b", picture="logo", candidate=False), Pair("c"), Pair("d"))

    assert reasons(copies(*pairs, placeholders={"captions": 2})) == [None, None, None, None]


def test_copies_are_kept_where_only_placeholders_are_asked_for():
    found = copies(Pair("a"), Pair("a"), exact="keep", placeholders={"captions": 2})

    assert (reasons(found), found.groups.tolist()) == ([None, None], [-1, -1])


def beside(pairs: Sequence[Pair], *fell: tuple[int, Reason, int]) -> Compared:
    """Say of some pairs, by place, why they fell before and beside which."""
    earlier = no_copies(len(pairs))
    for place, reason, keeper in fell:
        earlier.reasons[place], earlier.groups[place] = reason_code(reason), keeper
    return compared(pairs, earlier)


def test_what_fell_before_stays_beside_its_keeper_though_another_comes_first():
    pairs = [Pair("c", phash=0, settled=True), Pair("b", phash=0b11), Pair("a", phash=0b111, settled=True)]

    found = find_copies(beside(pairs, (1, SEMANTIC, 0)), Duplicates.model_validate({"near": {"hamming": 2}}))

    assert (reasons(found), found.groups.tolist()) == ([None, SEMANTIC, None], [0, 0, -1])


def test_what_fell_before_stands_when_its_keeper_is_no_candidate_or_not_settled():
    gone = [Pair("a", candidate=False), Pair("b")]
    unsettled = [Pair("a"), Pair("b")]

    for pairs in (gone, unsettled):
        assert reasons(find_copies(beside(pairs, (1, NEAR, 0)), Duplicates())) == [None, None]


def test_what_fell_before_is_compared_anew_when_its_keeper_is_a_placeholder():
    logos = [Pair("a", picture="logo", phash=0, settled=True), Pair("b", picture="logo", phash=0)]
    pairs = [*logos, Pair("c", phash=1), Pair("d", phash=3)]
    duplicates = Duplicates.model_validate({"near": {"hamming": 1}, "placeholders": {"captions": 2}})

    found = find_copies(beside(pairs, (2, NEAR, 0)), duplicates)

    assert (reasons(found), found.groups.tolist()) == ([PLACEHOLDER, PLACEHOLDER, None, NEAR], [0, 0, 2, 2])


def test_of_what_does_not_stand_what_fell_before_comes_first():
    pairs = beside([Pair("a", phash=0), Pair("b", phash=0)], (1, NEAR, -1))

    assert reasons(find_copies(pairs, Duplicates())) == [None, None]
    assert reasons(find_copies(pairs, Duplicates.model_validate({"near": {"hamming": 0}}))) == [NEAR, None]


def test_groups_with_pairs_of_several_partitions_are_told():
    pairs = [Pair("a"), Pair("a", partition=1), Pair("b", partition=1), Pair("b", partition=1), Pair("c")]

    found = find_copies(compared(pairs), Duplicates())

    partitions = np.array([pair.partition for pair in pairs], dtype=np.int64)
    assert beyond_partitions(found, partitions).tolist() == [True, True, False, False, False]
    assert beyond_partitions(no_copies(0), partitions[:0]).tolist() == []


def test_nothing_has_no_copies():
    assert copies(**EVERY_KIND).reasons.tolist() == []


@st.composite
def alike_pairs(draw: st.DrawFn) -> list[Pair]:
    """Up to 16 pairs, many of them copies of each other in some way; a uid has one picture."""
    contents = {
        uid: (draw(st.sampled_from([0, 1, 3, 7, 15, 31, 255, None])), draw(st.sampled_from([0.0, 8.0, 16.0, 90.0])))
        for uid in "abcdefgh"
    }
    uids = draw(st.lists(st.sampled_from(sorted(contents)), max_size=16))
    return [
        Pair(uid, *contents[uid], picture=f"{contents[uid]}", ordinal=place, candidate=draw(st.integers(0, 5)) > 0)
        for place, uid in enumerate(uids)
    ]


def told(pairs: Sequence[Pair]) -> list[tuple[str, str | None, str | None]]:
    """Uid, reason and group of every pair, in the order of uids."""
    found = find_copies(compared(pairs), Duplicates.model_validate(EVERY_KIND))
    groups = [None if group < 0 else pairs[group].uid for group in found.groups.tolist()]
    rows = zip([pair.uid for pair in pairs], reasons(found), groups, strict=True)
    return sorted(rows, key=lambda row: tuple(map(str, row)))


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(alike_pairs(), st.randoms(use_true_random=False))
def test_the_order_of_pairs_changes_neither_reasons_nor_keepers(pairs: list[Pair], chance: Any):
    order = chance.sample(range(len(pairs)), len(pairs))
    duplicates = Duplicates.model_validate(EVERY_KIND)

    found = find_copies(compared(pairs), duplicates)
    shuffled = find_copies(compared([pairs[place] for place in order]), duplicates)

    keepers = [-1 if keeper < 0 else order[keeper] for keeper in shuffled.keepers.tolist()]
    assert shuffled.reasons.tolist() == found.reasons[order].tolist()
    assert keepers == found.keepers[order].tolist()


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(alike_pairs(), st.integers(1, 4))
def test_how_pairs_are_split_into_partitions_changes_no_group(pairs: list[Pair], parts: int):
    everybody = [replace(pair, candidate=True) for pair in pairs]
    split = [replace(pair, partition=place % parts, ordinal=place // parts) for place, pair in enumerate(everybody)]

    assert told(split) == told(everybody)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(alike_pairs(), st.data())
def test_a_group_keeps_exactly_one_and_settled_pairs_never_fall(pairs: list[Pair], data: st.DataObject):
    settled = data.draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    marked = [replace(pair, settled=flag) for pair, flag in zip(pairs, settled, strict=True)]

    found = find_copies(compared(marked), Duplicates.model_validate(EVERY_KIND | {"placeholders": None}))

    fallen, groups = found.reasons > 0, found.groups
    assert not (fallen & np.array(settled, dtype=np.bool_)).any()
    assert all(not fallen[keeper] for keeper in found.keepers[fallen])
    assert all(np.sum(~fallen[groups == group]) == 1 for group in set(groups.tolist()) - {-1})
    assert all(marked[place].candidate for place in np.flatnonzero(groups >= 0))


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(alike_pairs(), st.integers(0, 16))
def test_a_later_day_changes_nothing_of_an_earlier_one_and_falls_beside_what_stands(pairs: list[Pair], day: int):
    duplicates = Duplicates.model_validate(EVERY_KIND | {"placeholders": None})
    before = find_copies(compared(pairs[:day]), duplicates)
    stood = [pair.candidate and not reason for pair, reason in zip(pairs, before.reasons.tolist(), strict=False)]
    settled = [replace(pair, settled=stands) for pair, stands in zip(pairs, stood, strict=False)]
    later = len(pairs) - len(settled)
    earlier = Copies(
        np.append(before.reasons, no_copies(later).reasons), np.append(before.groups, no_copies(later).groups)
    )

    found = find_copies(compared([*settled, *pairs[day:]], earlier), duplicates)

    assert found.reasons[:day].tolist() == before.reasons.tolist()
    assert found.keepers[:day].tolist() == before.keepers.tolist()
    assert not found.reasons[found.keepers[found.reasons > 0]].any()
