import numpy as np
import pytest

from pairsift.core import near_copies
from pairsift.core.near_copies import Hashes, near_standing, parse_hashes, ties_within


def hashes(*values: int) -> Hashes:
    return np.array(values, dtype=np.uint64)


def families(seed: int, count: int) -> Hashes:
    """Different hashes of which many are few bits apart."""
    generator = np.random.default_rng(seed)
    found = generator.integers(0, 2**64, count, dtype=np.uint64)
    for _ in range(9):
        flipped = np.uint64(1) << generator.integers(0, 64, count).astype(np.uint64)
        found = np.concatenate([found, generator.choice(found, count) ^ flipped])
    return generator.permutation(np.unique(found))


def all_with_all(found: Hashes, limit: int) -> set[tuple[int, int]]:
    apart = np.bitwise_count(found[:, None] ^ found[None, :])
    earlier, later = np.nonzero(np.triu(apart <= limit, k=1))
    return set(zip(earlier.tolist(), later.tolist(), strict=True))


def found_ties(found: Hashes, limit: int) -> set[tuple[int, int]]:
    ties = ties_within(found, limit)
    return set(zip(ties.earlier.tolist(), ties.later.tolist(), strict=True))


def test_reads_hashes_from_hex_digits_and_says_which_are_there():
    read, there = parse_hashes(["00000000000000ff", None, "8000000000000000"])

    assert read.tolist() == [255, 0, 2**63]
    assert there.tolist() == [True, False, True]


@pytest.mark.parametrize("limit", range(17))
@pytest.mark.parametrize("bands", [0, 3, 4, 5, 8])
def test_the_index_finds_what_comparing_all_with_all_finds(limit: int, bands: int, monkeypatch: pytest.MonkeyPatch):
    if bands:
        monkeypatch.setattr(near_copies, "_plan", lambda _count, limit: near_copies._split(bands, limit))  # noqa: SLF001 - every plan is held against the truth
    found = families(limit, 60)

    assert found_ties(found, limit) == all_with_all(found, limit)
    assert len(all_with_all(found, limit)) > 100 or limit < 2


def test_the_pairs_compared_at_once_change_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(near_copies, "_COMPARED_AT_ONCE", 7)
    found = families(1, 40)

    assert found_ties(found, 6) == all_with_all(found, 6)


@pytest.mark.parametrize(("other", "falls"), [(0b1111, True), (0b11111, False), (0xF000000000000000, True)])
def test_a_hash_exactly_at_the_limit_is_a_copy(other: int, falls: bool):
    standing = near_standing(hashes(0, other), 4, np.array([False, False]))

    assert standing.stands.tolist() == [True, not falls]
    assert standing.keepers.tolist() == [0, 0 if falls else 1]


def test_a_picture_falls_only_beside_one_that_stands():
    chain = near_standing(hashes(0b0, 0b1111, 0b11111111), 4, np.zeros(3, dtype=np.bool_))

    assert chain.stands.tolist() == [True, False, True]
    assert chain.keepers.tolist() == [0, 0, 2]


def test_no_hashes_have_no_copies():
    assert near_standing(hashes(), 4, np.zeros(0, dtype=np.bool_)).stands.tolist() == []
