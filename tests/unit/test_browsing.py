"""Pairs by columns: which are wanted, in which order, and pages that stay where they were."""

import math

import numpy as np
import pytest

from pairsift.core.browsing import (
    Ordering,
    Places,
    Wanted,
    count_reasons,
    matching,
    order_by,
    page_after,
    page_before,
)
from pairsift.core.judgements import DROP, KEEP, Judgements, reason_code
from pairsift.core.records import Reason, Verdict

PLACES = Places(("a", "b"), (7, 3), (0, 2, 6))
BLURRY = reason_code(Reason.BLURRY)
JUDGED = Judgements(
    np.array([KEEP, DROP, KEEP, DROP, KEEP, DROP], dtype=np.uint8),
    np.array([0, BLURRY, 0, reason_code(Reason.DARK), 0, BLURRY], dtype=np.uint8),
)
VALUES = np.array([0.3, math.nan, 0.5, 0.3, 0.1, 0.3])


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        (Wanted(), [0, 1, 2, 3, 4, 5]),
        (Wanted(verdict=Verdict.KEEP), [0, 2, 4]),
        (Wanted(reason=Reason.BLURRY), [1, 5]),
        (Wanted(partition="b"), [2, 3, 4, 5]),
        (Wanted(Verdict.DROP, Reason.BLURRY, "a"), [1]),
        (Wanted(partition="c"), []),
    ],
)
def test_marks_the_pairs_that_are_wanted(wanted: Wanted, places: list[int]):
    assert np.flatnonzero(matching(PLACES, JUDGED, wanted)).tolist() == places


@pytest.mark.parametrize(("descending", "order"), [(True, [2, 0, 3, 5, 4, 1]), (False, [4, 0, 3, 5, 2, 1])])
def test_orders_by_value_then_place_and_the_unmeasured_last_either_way(descending: bool, order: list[int]):
    assert order_by(VALUES, descending=descending).tolist() == order


@pytest.mark.parametrize("descending", [True, False])
def test_pages_there_and_back_meet_every_pair_once(descending: bool):
    ordering = Ordering(VALUES, descending)
    chosen = order_by(VALUES, descending=descending)
    seen = page_after(chosen, ordering, None, 2).places
    while (page := page_after(chosen, ordering, ordering.key(seen[-1]), 2)).places:
        seen += page.places

    back = page_before(chosen, ordering, ordering.key(seen[-1]), 2)

    assert seen == chosen.tolist()
    assert (back.places, back.before, back.after) == (seen[3:5], 3, 1)


def test_a_page_goes_on_behind_a_pair_that_is_gone():
    ordering = Ordering(VALUES, descending=True)
    chosen = np.array([2, 0, 5, 4])  # without 3, which stood between 0 and 5

    assert page_after(chosen, ordering, ordering.key_of(0.3, 3), 9).places == [5, 4]
    assert page_after(chosen, ordering, ordering.key_of(0.4, 0), 9).places == [0, 5, 4]
    assert page_before(chosen, ordering, ordering.key_of(None, 1), 2).places == [5, 4]


def test_finds_pairs_by_attempt_and_ordinal():
    assert [PLACES.pair_at(place) for place in (0, 1, 2, 5)] == [(7, 0), (7, 1), (3, 0), (3, 3)]
    assert [PLACES.find(*pair) for pair in ((7, 1), (3, 3), (7, 2), (3, -1), (8, 0))] == [1, 5, None, None, None]


def test_counts_reasons_of_decided_pairs_the_most_frequent_first():
    decided = np.array([True, True, True, True, True, False])

    assert list(count_reasons(JUDGED, np.ones(6, dtype=np.bool_)).items()) == [(Reason.BLURRY, 2), (Reason.DARK, 1)]
    assert count_reasons(JUDGED, decided) == {Reason.BLURRY: 1, Reason.DARK: 1}
