import numpy as np
import pytest

from pairsift.core.false_discovery import p_values, q_values, unrelated_share


def test_p_counts_the_nulls_at_or_above_and_the_pair_itself():
    nulls = np.array([2.0, 0.0, 1.0, 1.0])
    z = np.array([3.0, 2.0, 1.0, 0.5, -1.0, np.nan])

    assert p_values(z, nulls) == pytest.approx([1 / 5, 2 / 5, 4 / 5, 4 / 5, 1.0, np.nan], nan_ok=True)


def test_without_nulls_nothing_is_surprising():
    assert p_values(np.array([9.0]), np.zeros(0)).tolist() == [1.0]


@pytest.mark.parametrize(
    ("p", "share"),
    [
        ([0.01] * 8, 1 / 4),  # (1 + 0) / (8 / 2)
        ([0.01] * 6 + [0.6, 0.9], 3 / 4),  # (1 + 2) / (8 / 2)
        ([0.01] * 7 + [0.5], 1 / 4),  # exactly one half is not above it
        ([0.9] * 8, 1.0),  # 9 / 4 is no share
        ([0.01], 1.0),  # 1 / 0.5
    ],
)
def test_the_unrelated_share_is_storeys(p: list[float], share: float):
    assert unrelated_share(np.array(p)) == pytest.approx(share)


def test_q_is_benjamini_and_hochbergs_by_hand():
    p = np.array([0.8, 0.01, 0.04, 0.03, 0.02])

    # sorted .01 .02 .03 .04 .8, × 5 / rank = .05 .05 .05 .05 .8
    assert q_values(p, 1.0) == pytest.approx([0.8, 0.05, 0.05, 0.05, 0.05])
    assert q_values(p, 0.5) == pytest.approx([0.4, 0.025, 0.025, 0.025, 0.025])


def test_q_never_falls_as_p_rises_and_stays_a_share():
    # sorted .01 .3 .31 .9, × 4 / rank = .04 .6 .4133 .9: the .6 comes down to .4133
    assert q_values(np.array([0.31, 0.01, 0.9, 0.3]), 1.0) == pytest.approx([0.41333333, 0.04, 0.9, 0.41333333])
    assert q_values(np.array([1.0, 1.0]), 1.0).tolist() == [1.0, 1.0]


def test_equal_p_have_equal_q():
    # sorted .1 .2 .2 .2, × 4 / rank = .4 .4 .2667 .2: all .2
    assert q_values(np.array([0.2, 0.2, 0.1, 0.2]), 1.0) == pytest.approx([0.2, 0.2, 0.2, 0.2])


def test_no_pairs_have_no_q():
    assert q_values(np.zeros(0), 1.0).tolist() == []
