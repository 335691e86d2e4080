"""How a data set went by day, from statistics made by hand."""

from datetime import date

import pytest

from pairsift.core.course import Comparison, Course, Day, SignalCourse, Spread, signal_courses
from pairsift.core.drift import Statistics
from pairsift.core.sketches import NumberSketch, Sketch, WordSketch

SHARPNESS, LANGUAGE = "image.sharpness", "text.language"


def statistics(tested: int = 0, above_half: int = 0, **signals: Sketch) -> Statistics:
    return Statistics(8, 4, tested, above_half, {name.replace("_", "."): sketch for name, sketch in signals.items()})


def numbers(*values: float) -> NumberSketch:
    return NumberSketch(tuple(values), (1,) * len(values), 0)


def share(value: float) -> Spread:
    return Spread(value, value, value)


def test_numbers_are_told_by_the_least_values_that_reach_each_quarter():
    days = [statistics(image_sharpness=numbers(1, 2, 3, 4, 5, 6, 7, 8)), statistics(image_sharpness=numbers(9))]

    [sharpness] = signal_courses(days, statistics(image_sharpness=numbers(3, 4, 5)))

    assert sharpness == SignalCourse(SHARPNESS, SHARPNESS, "grey level²", [Spread(2, 4, 6), Spread(9, 9, 9)], 4)


def test_words_are_told_by_the_share_of_the_most_frequent_of_all_days_among_pairs_that_have_one():
    days = [
        statistics(text_language=WordSketch({"de": 3, "en": 1}, 0, 4)),
        statistics(text_language=WordSketch({"en": 6}, 2, 0)),
        statistics(text_language=WordSketch({}, 0, 8)),
    ]

    [language] = signal_courses(days, None)

    assert (language.label, language.days, language.before) == (
        "text.language is en",
        [share(0.25), share(0.75), None],
        None,
    )


def test_the_mismatched_are_told_first_and_at_most_as_all():
    days = [statistics(tested=8, above_half=1, image_sharpness=numbers(1)), statistics(tested=8, above_half=7), None]

    mismatched, sharpness = signal_courses(days, statistics(tested=10, above_half=2))

    assert (mismatched.name, mismatched.days, mismatched.before) == ("mismatched", [share(0.25), share(1), None], 0.4)
    assert (sharpness.days, sharpness.before) == ([Spread(1, 1, 1), None, None], None)


@pytest.mark.parametrize("days", [[None], [], [statistics(image_sharpness=NumberSketch((), (), 8))]])
def test_what_no_day_has_is_left_out(days: list[Statistics | None]):
    assert signal_courses(days, statistics(image_sharpness=numbers(1))) == []


def moved(level: str, *names: str) -> Comparison:
    return Comparison("a", {"level": level, "moved": list(names)})


def test_a_day_is_as_bad_as_the_worst_of_its_partitions_and_names_what_moved_in_any():
    day = Day(date(2026, 11, 26), 8, 4, [moved("warn", SHARPNESS), moved("fail", "keep_rate", SHARPNESS)])

    assert (day.level, sorted(day.signals)) == ("fail", [SHARPNESS, "keep_rate"])
    assert Day(date(2026, 11, 26), 8, 4, []).level == "none"


def test_what_moved_and_the_mismatched_are_shown_before_what_the_policy_goes_by():
    names = ("mismatched", "image.width", "image.chroma", SHARPNESS)
    signals = [SignalCourse(name, name, "", [share(1)], None) for name in names]
    day = Day(date(2026, 11, 26), 8, 4, [moved("warn", SHARPNESS)])
    course = Course([day], 0, signals, frozenset({"image.width"}), 1)

    assert [signal.name for signal in course.shown_first] == ["mismatched", SHARPNESS, "image.width"]
    assert [signal.name for signal in course.shown_last] == ["image.chroma"]
