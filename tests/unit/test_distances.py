"""PSI, Kolmogorov–Smirnov and χ² by hand: the figures in the tables were worked out on paper or are textbook ones."""

import math

import numpy as np
import pytest

from pairsift.core.distances import (
    chi_square_p,
    decile_counts,
    homogeneity_p,
    kolmogorov_p,
    largest_difference,
    stability_index,
    word_counts,
)
from pairsift.core.sketches import NumberSketch, WordSketch, sketch_numbers, sketch_words

NAN = float("nan")


def numbers(*values: float) -> NumberSketch:
    return sketch_numbers(np.array(values, dtype=np.float64))


@pytest.mark.parametrize(
    ("here", "there", "index"),
    [
        ([3, 1], [3, 1], 0.0),
        ([3, 1], [1, 3], 0.8 * math.log(7 / 3)),  # shares of (3.5, 1.5) and (1.5, 3.5) of 5
        ([1, 3], [3, 1], 0.8 * math.log(7 / 3)),
        ([3, 1, 0], [1, 3, 0], 0.8 * math.log(7 / 3)),  # what nobody is in says nothing
        ([4, 0], [0, 4], 1.6 * math.log(9)),  # an empty bin is no infinity
    ],
)
def test_the_stability_index(here: list[int], there: list[int], index: float):
    assert stability_index(np.array(here, float), np.array(there, float)) == pytest.approx(index, abs=1e-12)


def test_the_stability_index_of_many_pairs_is_the_plain_one():
    plain = 0.1 * math.log(0.6 / 0.5) - 0.1 * math.log(0.4 / 0.5)

    assert stability_index(np.array([6e6, 4e6]), np.array([5e6, 5e6])) == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize(
    ("now", "window", "here", "there"),
    [
        ((1, 1, 10, NAN), range(1, 11), [1, 2, *[0] * 8, 1], [0, *[1] * 10]),
        ((5, 5.5), range(1, 11), [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0], [0, *[1] * 10]),
        ((6, 6, 7, 8), [7] * 10, [0, 2, 1, 1], [0, 0, 10, 0]),  # a single value: below it, it, above it
        ((NAN, NAN), [7], [2, 0, 0, 0], [0, 0, 1, 0]),
    ],
)
def test_pairs_are_counted_between_the_window_s_deciles(
    now: tuple[float, ...], window: list[float], here: list[int], there: list[int]
):
    counted = decile_counts(numbers(*now), numbers(*window))

    assert [side.tolist() for side in counted] == [pytest.approx(here), pytest.approx(there)]


def test_words_are_counted_side_by_side():
    now, window = (
        sketch_words(np.array(["en", "fr", None], dtype=object)),
        WordSketch({"en": 5, "de": 2}, rest=1, absent=0),
    )

    here, there = word_counts(now, window)

    assert here.tolist() == [0, 1, 1, 0, 1]  # de, en, fr, the rest, absent
    assert there.tolist() == [2, 5, 0, 1, 0]


@pytest.mark.parametrize(
    ("now", "window", "distance"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4), 0.0),
        ((1, 2, 3, 4), (3, 4, 5, 6), 0.5),
        ((1, 2), (3, 4), 1.0),
        ((1, 2, NAN, NAN), (1, 2), 0.5),
        ((1, 1, 1, 2), (1, 2, 2, 2), 0.5),
    ],
)
def test_the_largest_difference(now: tuple[float, ...], window: tuple[float, ...], distance: float):
    assert largest_difference(numbers(*now), numbers(*window)) == distance
    assert largest_difference(numbers(*window), numbers(*now)) == distance


def test_the_largest_difference_by_sketches_is_wrong_by_at_most_their_errors():
    rng = np.random.default_rng(7)
    now, window = rng.normal(size=3000), rng.normal(0.1, 1, size=5000)
    both = np.concatenate([now, window])
    shares = [np.searchsorted(np.sort(side), both, side="right") / len(side) for side in (now, window)]
    here, there = sketch_numbers(now), sketch_numbers(window)

    by_sketches = largest_difference(here, there)

    true = np.abs(shares[0] - shares[1]).max()
    assert 0 < abs(by_sketches - true) <= max(here.error, there.error)


@pytest.mark.parametrize(("scaled", "p"), [(0.19, 1.0), (1.22385, 0.1), (1.35810, 0.05), (1.62762, 0.01)])
def test_the_kolmogorov_distribution_has_its_textbook_quantiles(scaled: float, p: float):
    size = 1000.0  # of two samples of two million each: Stephens' correction is 0.012 %

    distance = scaled / (size + 0.12 + 0.11 / size)

    assert kolmogorov_p(distance, 2_000_000, 2_000_000) == pytest.approx(p, abs=1e-5)


def test_samples_of_a_few_pairs_are_never_far_apart():
    assert kolmogorov_p(0.0, 1, 1) == 1.0
    assert kolmogorov_p(0.5, 3, 3) > 0.5


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"),
    [(3.841459, 1, 0.05), (5.991465, 2, 0.05), (7.814728, 3, 0.05), (18.307038, 10, 0.05), (0.0, 4, 1.0)],
)
def test_chi_square_has_its_textbook_quantiles(statistic: float, degrees: int, p: float):
    assert chi_square_p(statistic, degrees) == pytest.approx(p, abs=1e-7)


@pytest.mark.parametrize(
    ("here", "there", "p"),
    [
        ([30, 10], [20, 20], chi_square_p(16 / 3, 1)),  # 5²/25 + 5²/15 on either side
        ([30, 10, 2, 1], [20, 20, 1, 2], chi_square_p(16 / 3, 1)),  # three expected in the rare ones: left out
        ([20, 20, 7, 6], [20, 20, 0, 0], math.exp(-11.4048 / 2)),  # 5.6 expected in the rare ones together: one cell
        ([4, 0], [0, 4], 1.0),  # too few to tell
        ([9, 0], [9, 0], 1.0),
    ],
)
def test_counts_in_cells_are_alike_or_not(here: list[int], there: list[int], p: float):
    assert homogeneity_p(np.array(here, float), np.array(there, float)) == pytest.approx(p, rel=1e-3)
