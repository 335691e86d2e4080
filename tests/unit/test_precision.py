"""Precision measured by people: Wilson's interval by hand, a fair order, and which labels count."""

import hashlib

import numpy as np
import pytest

from pairsift.core.duplicates import to_bytes
from pairsift.core.precision import drawing_order, measure_drawn, wilson

UIDS = [hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in range(20_000)]


@pytest.mark.parametrize(
    ("good", "labelled", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (20, 20, 0.8389, 1.0), (1, 1, 0.2065, 1.0)],
)
def test_the_interval_is_wilson_s(good: int, labelled: int, low: float, high: float):
    """The first row is an example of Newcombe, 1998, Two-sided confidence intervals for the single proportion."""
    measured = wilson(good, labelled)

    assert measured is not None
    assert (measured.low, measured.high) == pytest.approx((low, high), abs=5e-5)
    assert measured.share == good / labelled


def test_without_a_label_nothing_is_measured():
    assert wilson(0, 0) is None
    assert measure_drawn(["a"], {}) is None


def test_only_the_labels_at_the_head_of_the_drawing_count():
    measured = measure_drawn(["a", "b", "c", "d"], {"a": True, "b": False, "d": False})

    assert measured is not None
    assert (measured.good, measured.labelled) == (1, 2)


def test_the_order_is_of_the_kept_alone_and_the_same_among_any_others():
    uids = to_bytes(UIDS[:1000])
    all_kept = np.ones(1000, dtype=np.bool_)
    some = np.arange(1000) % 3 == 0

    whole = drawing_order(uids, all_kept).tolist()

    assert drawing_order(uids, some).tolist() == [place for place in whole if place % 3 == 0]
    assert sorted(whole) == list(range(1000))


def test_the_order_has_nothing_to_do_with_the_order_of_uids_or_places():
    order = drawing_order(to_bytes(sorted(UIDS)), np.ones(len(UIDS), dtype=np.bool_))

    ranks = np.corrcoef(order, np.arange(len(order)))[0, 1]
    first = np.histogram(order[:2000], bins=10, range=(0, len(UIDS)))[0]

    assert abs(ranks) < 0.03  # 4 standard errors
    assert (np.abs(first - 200) < 4 * np.sqrt(180)).all()


def test_a_uid_s_first_half_is_read_as_a_number():
    """The order by hand for two uids whose halves are 0 and 1: SplitMix64's first outputs for the seeds 0 and 1."""
    first, second = 0xE220A8397B1DCDAF, 0x910A2DEC89025CC1
    uids = to_bytes(["0" * 32, "0" * 15 + "1" + "0" * 16])

    assert drawing_order(uids, np.ones(2, dtype=np.bool_)).tolist() == [1, 0]
    assert second < first
