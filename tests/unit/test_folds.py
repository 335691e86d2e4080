import numpy as np
import pytest

from pairsift.core.folds import deal_folds, group_alike, resampled_groups, swap_auc, swap_partners

FAR = "ffffffffffffffff"


def groups(pictures: str, captions: str, hashes: list[str | None]) -> list[int]:
    return list(group_alike(list(pictures), list(captions), hashes))


@pytest.mark.parametrize(
    ("pictures", "captions", "hashes", "grouped"),
    [
        ("abc", "xyz", [FAR, "0" * 16, "00000000ffffffff"], [0, 1, 2]),
        ("aba", "xyz", [FAR, "0" * 16, FAR], [0, 1, 0]),
        ("abc", "xyx", [FAR, "0" * 16, "00000000ffffffff"], [0, 1, 0]),
        ("abc", "xyz", ["0" * 16, "00000000000003ff", FAR], [0, 0, 1]),
        ("abc", "xyz", ["0" * 16, "00000000000007ff", FAR], [0, 1, 2]),
        ("abc", "xyz", [None, "0" * 16, None], [0, 1, 2]),
        # The third is alike the first only through the second.
        ("abc", "xyz", ["0" * 16, "00000000000003ff", "00000000000fffff"], [0, 0, 0]),
        ("abbc", "xyzz", [None] * 4, [0, 1, 1, 1]),
    ],
)
def test_pairs_of_one_picture_nearly_one_or_one_caption_are_of_one_group(pictures, captions, hashes, grouped):
    assert groups(pictures, captions, hashes) == grouped


def test_no_pair_makes_no_group():
    assert groups("", "", []) == []


def test_a_fold_has_whole_groups_and_folds_are_alike_in_size():
    of = np.repeat(np.arange(20), [1, 2, 3, 4] * 5)

    folds = deal_folds(of, 5, seed=3)

    assert all(len(set(folds[of == group])) == 1 for group in range(20))
    assert np.bincount(folds).max() - np.bincount(folds).min() <= 4


def test_another_seed_deals_otherwise():
    of = np.arange(50)

    assert (deal_folds(of, 5, seed=0) != deal_folds(of, 5, seed=1)).any()
    assert (deal_folds(of, 5, seed=0) == deal_folds(of, 5, seed=0)).all()


def test_a_partner_is_of_the_fold_and_of_another_group():
    of, folds = np.array([0, 0, 1, 2, 3, 4]), np.array([0, 0, 0, 0, 1, 1])

    partners = swap_partners(of, folds)

    assert sorted(partners[0][partners[0] >= 0]) == [2, 3]
    assert sorted(partners[2][partners[2] >= 0]) == [0, 1, 3]
    assert [row[row >= 0].tolist() for row in partners[4:]] == [[5], [4]]


def test_the_auc_leaves_out_who_has_no_partner_and_weighs_by_picture():
    own, swapped = np.array([3.0, 1.0]), np.array([[2.0, np.nan], [0.0, 2.0]])

    # Of 2 × 3 comparisons 3 beats all three, and 1 only 0; of picture 1 alone: 1 beats 0, not 2.
    assert swap_auc(own, swapped, np.array([[1, 1], [0, 1]])).tolist() == [4 / 6, 1 / 2]


def test_a_group_is_resampled_as_a_whole():
    drawn = resampled_groups(np.array([0, 0, 1, 2, 2]), 50, seed=1)

    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, 3] == drawn[:, 4]).all()
    assert set((drawn[:, 0] + drawn[:, 2] + drawn[:, 3]).tolist()) == {3}
