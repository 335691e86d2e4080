"""What a report counts and picks, from pairs that were decided by hand."""

import numpy as np
import pytest

from pairsift.core.judgements import DROP, KEEP, QUARANTINE, Judgements, reason_code
from pairsift.core.overview import Group
from pairsift.core.records import Reason
from pairsift.core.surveying import (
    ANY,
    BEST,
    CARDS,
    COPIES,
    GROUPS,
    JUST_KEPT,
    JUST_OUT,
    WORST,
    Survey,
    SurveyedPartition,
    Z,
)

NAN = float("nan")
VERDICTS = {None: KEEP, Reason.IMAGE_CORRUPT: QUARANTINE}


def partition(key: str, *pairs: tuple[Reason | None, float, float], **columns: object) -> SurveyedPartition:
    """Pairs as (reason, score, p); a pair without a reason is kept."""
    reasons, scores, p = zip(*pairs, strict=True)
    judged = Judgements(
        np.array([VERDICTS.get(reason, DROP) for reason in reasons], dtype=np.uint8),
        np.array([reason_code(reason) for reason in reasons], dtype=np.uint8),
    )
    given = {
        "q": np.full(len(pairs), NAN),
        "languages": np.array(["en"] * len(pairs), dtype=object),
        "sides": np.full(len(pairs), 300.0),
        "groups": np.full(len(pairs), None),
        **columns,
    }
    return SurveyedPartition(key=key, judged=judged, score=np.array(scores), p=np.array(p), **given)  # type: ignore[arg-type] # of columns


OUT, BLURRY, CORRUPT = Reason.LIKELY_MISMATCHED, Reason.BLURRY, Reason.IMAGE_CORRUPT
FIRST = partition("a", (None, 3.0, 0.01), (None, 1.0, 0.2), (OUT, 0.5, 0.6), (BLURRY, 9.0, 0.001), (CORRUPT, NAN, NAN))
SECOND = partition("b", (None, 2.0, 0.1), (OUT, -1.0, 0.9))


def surveyed(*parts: SurveyedPartition) -> Survey:
    survey = Survey()
    for part in parts:
        survey.add(part)
    return survey


def test_verdicts_reasons_and_partitions_are_counted():
    survey = surveyed(FIRST, SECOND)

    assert dict(survey.verdicts) == {"read": 7, "kept": 3, "dropped": 3, "quarantined": 1}
    assert dict(survey.reasons) == {"likely_mismatched": 2, "blurry": 1, "image_corrupt": 1}
    assert survey.partitions == [Group("a", 5, 2), Group("b", 2, 1)]


def test_pairs_are_grouped_by_language_and_by_the_shorter_side():
    languages = np.array(["en", "de", None, "en"], dtype=object)
    sides = np.array([199.0, 200.0, NAN, 800.0])
    survey = surveyed(
        partition(
            "a", (None, 1, 0.1), (OUT, 1, 0.1), (CORRUPT, NAN, NAN), (None, 1, 0.1), languages=languages, sides=sides
        )
    )

    assert survey.languages == [Group("en", 2, 2), Group("de", 1, 0), Group("–", 1, 0)]
    assert survey.sizes == [
        Group("< 200", 1, 1),
        Group("200–399", 1, 0),
        Group("≥ 800", 1, 1),
        Group("unreadable", 1, 0),
    ]


def test_the_best_and_those_on_both_sides_of_the_cut_are_picked_by_score():
    survey = surveyed(FIRST, SECOND)

    picked = {name: survey.shortlists[name].places for name in (BEST, JUST_KEPT, JUST_OUT, WORST, "blurry")}

    assert picked == {
        BEST: [(0, 0), (1, 0), (0, 1)],
        JUST_KEPT: [(0, 1), (1, 0), (0, 0)],
        JUST_OUT: [(0, 2), (1, 1)],
        WORST: [(1, 1), (0, 2)],
        "blurry": [(0, 3)],
    }


def test_a_gallery_of_chance_is_the_same_every_time_and_not_the_first_pairs():
    many = partition("a", *[(None, 1.0, 0.1)] * 200)

    places = surveyed(many).shortlists[ANY].places

    assert len(places) == CARDS
    assert places == surveyed(many).shortlists[ANY].places
    assert places != [(0, ordinal) for ordinal in range(CARDS)]


def copies(key: str, *names: str | None) -> SurveyedPartition:
    """Pairs that were dropped as copies, each with its group's name."""
    return partition(key, *[(Reason.EXACT_DUPLICATE, 1.0, 0.1)] * len(names), groups=np.array(names, dtype=object))


def test_copies_are_picked_by_their_groups_across_partitions():
    survey = surveyed(copies("a", "u1", "u2", "u1"), copies("b", "u2", "u1"))

    groups = survey.copies[Reason.EXACT_DUPLICATE].groups

    assert groups == [([(0, 0), (0, 2), (1, 1)], 3), ([(0, 1), (1, 0)], 2)]
    assert "exact_duplicate" not in survey.shortlists


def test_groups_of_the_smallest_names_are_picked_however_late_they_come():
    late = [f"u{number}" for number in range(GROUPS)]
    survey = surveyed(copies("a", "v", "w"), copies("b", *late), copies("c", "u0", "v"))

    groups = survey.copies[Reason.EXACT_DUPLICATE].groups

    assert groups == [([(1, 0), (2, 0)], 2), *(([(1, number)], 1) for number in range(1, GROUPS))]


def test_of_a_large_group_the_first_copies_are_picked_and_all_are_counted():
    survey = surveyed(copies("a", *["u1"] * 9))

    assert survey.copies[Reason.EXACT_DUPLICATE].groups == [([(0, ordinal) for ordinal in range(COPIES)], 9)]


def test_a_copy_whose_group_has_no_name_is_a_group_of_its_own():
    survey = surveyed(copies("a", None, None))

    assert survey.copies[Reason.EXACT_DUPLICATE].groups == [([(0, 0)], 1), ([(0, 1)], 1)]


def test_the_cut_counts_survivors_alone_and_expects_the_unrelated_by_their_p_values():
    cut = surveyed(FIRST, SECOND).cut(Z)

    assert cut is not None
    assert (cut.pairs, cut.lowest_kept) == (5, 1.0)
    assert (cut.bins[0].low, cut.bins[-1].high) == (-1.0, 3.0)
    assert [sum(side) for side in zip(*((each.kept, each.left_out) for each in cut.bins), strict=True)] == [3, 2]
    assert cut.mismatched == 1.0  # two of five p above one half: (1 + 2) / (5 / 2), at most 1
    assert cut.bins[0].unrelated == pytest.approx(5 * 0.9)
    assert cut.bins[-1].unrelated == pytest.approx(5 * 0.01)


def test_where_nothing_has_a_score_there_is_no_cut_and_no_curve():
    survey = surveyed(partition("a", (None, NAN, NAN), (CORRUPT, NAN, NAN)))

    assert survey.cut(Z) is None
    assert survey.curve == []


def test_where_another_score_selects_the_p_values_say_nothing_of_its_bins():
    cut = surveyed(FIRST, SECOND).cut("pair.alignment")

    assert cut is not None
    assert (cut.mismatched, cut.bins[0].unrelated) == (1.0, None)


def test_scores_that_are_all_the_same_are_one_bin_of_pairs():
    cut = surveyed(partition("a", (None, 2.0, NAN), (OUT, 2.0, NAN))).cut("pair.alignment")

    assert cut is not None
    assert [each.pairs for each in cut.bins if each.pairs] == [2]
    assert cut.mismatched is None
    assert cut.bins[0].unrelated is None


def test_the_curve_goes_by_the_q_values_that_were_decided_by():
    q = np.array([0.01, 0.05, 0.3, NAN])
    survey = surveyed(
        partition("a", (None, 3, 0.001), (None, 2, 0.01), (OUT, 1, 0.2), (CORRUPT, NAN, NAN), q=q),
    )

    curve = dict(survey.curve)

    assert [curve[alpha] for alpha in (0.01, 0.04, 0.05, 0.29, 0.3)] == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3, 1])


def test_without_q_values_the_curve_makes_them_of_the_p_values():
    p = [0.001, 0.6, 0.8, 0.9]  # π₀ is 1: q = n p / rank, from the worst on
    survey = surveyed(partition("a", *((None, -value, value) for value in p)))

    assert survey.curve[0] == (0.01, 0.25)
