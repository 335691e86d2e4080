import json

import numpy as np
import pytest

from pairsift.core.sketches import (
    POINTS,
    WORDS,
    NumberSketch,
    WordSketch,
    merge_sketches,
    quantiles,
    shares_up_to,
    sketch_numbers,
    sketch_signals,
    sketch_words,
    sketches_from_json,
    sketches_to_json,
)

NAN = float("nan")


def skewed(seed: int, pairs: int) -> np.ndarray:
    """Numbers with a long tail, of which a third is one and the same."""
    drawn = np.random.default_rng(seed).lognormal(sigma=2, size=pairs)
    drawn[::3] = 1.0
    return drawn


def words(*values: str | None) -> WordSketch:
    return sketch_words(np.array(values, dtype=object))


def true_shares(numbers: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.sort(numbers), at, side="right") / len(numbers)


def test_few_different_numbers_are_kept_to_the_last():
    sketch = sketch_numbers(np.array([2.0, 1.0, NAN, 2.0, 5.0]))

    assert sketch == NumberSketch(values=(1.0, 2.0, 5.0), counts=(1, 2, 1), absent=1, error=0.0)
    assert sketch.pairs == 5


@pytest.mark.parametrize(("number", "up_to", "below"), [(0, 0.2, 0.2), (1, 0.4, 0.2), (2, 0.8, 0.4), (9, 1.0, 1.0)])
def test_absent_numbers_lie_below_all_others(number: float, up_to: float, below: float):
    sketch = sketch_numbers(np.array([2.0, 1.0, NAN, 2.0, 5.0]))

    assert shares_up_to(sketch, np.array([number])).tolist() == [up_to]
    assert shares_up_to(sketch, np.array([number]), below=True).tolist() == [below]


@pytest.mark.parametrize(("share", "number"), [(0.0, 1), (0.25, 1), (0.26, 2), (0.75, 2), (0.76, 5), (1.0, 5)])
def test_a_quantile_is_the_least_number_that_reaches_its_share_of_the_measured(share: float, number: float):
    sketch = sketch_numbers(np.array([2.0, 1.0, NAN, 2.0, 5.0]))

    assert quantiles(sketch, np.array([share])).tolist() == [number]


def test_many_numbers_are_thinned_and_shares_are_at_most_the_error_too_small():
    numbers = skewed(seed=0, pairs=5000)
    sketch = sketch_numbers(numbers)

    short_by = true_shares(numbers, numbers) - shares_up_to(sketch, numbers)

    assert len(sketch.values) <= POINTS
    assert short_by.min() >= 0
    assert short_by.max() <= sketch.error + 1e-12
    assert 0 < sketch.error < 1 / POINTS


def test_a_number_that_many_pairs_share_keeps_its_exact_share():
    numbers = skewed(seed=0, pairs=5000)
    sketch = sketch_numbers(numbers)

    at_one = np.array([1.0])

    assert shares_up_to(sketch, at_one) == true_shares(numbers, at_one)


def test_sketches_of_parts_merge_to_the_sketch_of_all_where_nothing_was_thinned():
    parts = [[1.0, 2.0, NAN], [2.0], [0.5, 2.0]]

    merged = merge_sketches([sketch_numbers(np.array(part)) for part in parts])

    assert merged == sketch_numbers(np.array([number for part in parts for number in part]))


def test_the_error_of_a_merged_sketch_holds_and_stays_below_two_points():
    parts = [skewed(seed, pairs=1000 * (seed + 1)) for seed in range(4)]
    numbers = np.concatenate(parts)
    merged = merge_sketches([sketch_numbers(part) for part in parts])
    assert isinstance(merged, NumberSketch)

    short_by = true_shares(numbers, numbers) - shares_up_to(merged, numbers)

    assert merged.pairs == 10_000
    assert short_by.min() >= 0
    assert short_by.max() <= merged.error + 1e-12
    assert merged.error < 2 / POINTS


def test_words_are_counted_the_most_frequent_first_and_merge():
    first, second = words("en", "de", None, "en"), words("de", "de", "fr")

    assert first == WordSketch({"en": 2, "de": 1}, rest=0, absent=1)
    assert list(first.words) == ["en", "de"]
    assert merge_sketches([first, second]) == WordSketch({"de": 3, "en": 2, "fr": 1}, rest=0, absent=1)


def test_words_beyond_the_most_frequent_are_counted_together():
    sketch = words(*(f"w{number:03d}" for number in range(WORDS + 2)), "w201")

    assert len(sketch.words) == WORDS
    assert (sketch.words["w201"], sketch.rest, sketch.pairs) == (2, 2, WORDS + 3)
    assert "w199" not in sketch.words


COLUMNS = {
    "image.brightness": np.array([0.5, NAN, 0.25]),
    "text.language": np.array(["en", None, "de"], dtype=object),
    "image.phash": np.array(["00ff", None, "ff00"], dtype=object),
}


def test_signals_are_sketched_by_their_type_but_for_those_that_name_a_picture():
    assert sketch_signals(COLUMNS) == {
        "image.brightness": NumberSketch((0.25, 0.5), (1, 1), absent=1),
        "text.language": WordSketch({"en": 1, "de": 1}, rest=0, absent=1),
    }


def test_sketches_come_back_from_json():
    sketches = sketch_signals(COLUMNS)

    assert sketches_from_json(json.loads(json.dumps(sketches_to_json(sketches)))) == sketches


def test_no_pair_is_a_sketch_too():
    empty = sketch_numbers(np.empty(0))

    assert (empty.pairs, quantiles(empty, np.array([0.5])).tolist(), merge_sketches([empty, empty])) == (0, [], empty)
