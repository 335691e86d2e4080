from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pairsift.core.calibration import (
    Calibration,
    EmbeddedPairs,
    calibrate,
    calibration_facts,
    choose_reference,
    draw_calibration,
    in_uid_order,
    pilot_order,
    prepare_calibration,
)


def embedded(n: int, seed: int = 0, first: int = 0) -> EmbeddedPairs:
    """Unrelated pairs with uids, captions and pictures numbered from `first`."""
    rng = np.random.default_rng(seed)
    image, text = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.standard_normal((2, n, 16)))
    names = [f"{number:032x}" for number in range(first, first + n)]
    return EmbeddedPairs(names, names, names, image, text)


def made(pairs: EmbeddedPairs, candidates: Sequence[int] | None = None) -> Calibration:
    chosen = range(len(pairs.uids)) if candidates is None else candidates
    calibration = draw_calibration(pairs, np.array(chosen), "score")
    assert calibration is not None
    return calibration


def every(pairs: EmbeddedPairs) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(pairs.uids), dtype=np.bool_)


def test_orders_by_uid_then_ordinal():
    assert in_uid_order(["b", "a", "c", "a"], np.array([3, 0, 1])).tolist() == [1, 3, 0]


def test_the_reference_is_the_smallest_uids_of_the_candidates_each_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pairsift.core.calibration.REFERENCE_PAIRS", 3)

    assert choose_reference(["d", "a", "b", "a", "c", "0"], np.array([4, 3, 2, 1, 0])).tolist() == [1, 2, 4]


def test_the_order_of_the_candidates_makes_no_other_calibration():
    pairs = embedded(14)

    assert (
        made(pairs, [13, 2, 5, 8, 7, 4, 3, 9, 0, 11]).fingerprint
        == made(pairs, [0, 2, 3, 4, 5, 7, 8, 9, 11, 13]).fingerprint
    )


def test_other_pairs_or_another_way_of_scoring_make_another_calibration():
    pairs = embedded(12)
    elsewhere = draw_calibration(pairs, np.arange(12), "other score")

    assert elsewhere is not None
    assert len({made(pairs).fingerprint, made(pairs, range(11)).fingerprint, elsewhere.fingerprint}) == 3


def test_ten_reference_pairs_are_enough_and_nine_are_not():
    assert draw_calibration(embedded(9), np.arange(9), "score") is None
    assert draw_calibration(embedded(10), np.arange(10), "score") is not None


def test_without_any_null_there_is_no_calibration():
    pairs = embedded(12)

    assert prepare_calibration(replace(pairs, captions=["the same"] * 12), "score") is None


def test_sums_up_what_a_calibration_rests_on():
    facts = calibration_facts(made(embedded(20)))

    assert (facts.n_reference, facts.n_null, facts.rule) == (20, 20 * 19, "dataset:1000:v1")
    assert len(facts.null_quantiles) == 101
    assert list(facts.null_quantiles) == sorted(facts.null_quantiles)


def test_unmeasurable_pairs_have_neither_z_nor_p():
    pairs = embedded(20)
    measurable = every(pairs)
    measurable[3] = False

    calibrated = calibrate(made(pairs), pairs, measurable)

    assert np.flatnonzero(np.isnan(calibrated.z)).tolist() == [3]
    assert np.flatnonzero(np.isnan(calibrated.p)).tolist() == [3]


def test_a_pair_without_spread_has_neither_z_nor_p():
    pairs = embedded(12)
    strange = embedded(1, seed=1, first=12)

    calibrated = calibrate(made(pairs), replace(strange, image=np.zeros((1, 16))), every(strange))

    assert np.isnan([*calibrated.z, *calibrated.p]).all()


def test_without_a_calibration_no_pair_has_z_or_p():
    pairs = embedded(5)

    calibrated = calibrate(None, pairs, every(pairs))

    assert np.isnan([calibrated.z, calibrated.p]).all()


def test_a_pair_is_held_against_the_reference_alone_whatever_stands_beside_it():
    calibration = made(embedded(12))
    others = embedded(30, seed=2, first=50)

    together = calibrate(calibration, others, every(others))
    alone = [calibrate(calibration, others.take(np.array([row])), np.ones(1, dtype=np.bool_)).z[0] for row in range(30)]

    assert together.z.tolist() == alone


def test_a_reference_pair_is_held_against_the_others_alone():
    pairs = embedded(12)
    calibration = made(pairs)
    own = calibrate(calibration, pairs, every(pairs))

    without_it = draw_calibration(pairs, np.delete(np.arange(12), 4), "score")

    assert own.z[4] == pytest.approx(calibrate(without_it, pairs, every(pairs)).z[4], abs=1e-6)


@pytest.mark.parametrize("same_caption", [True, False])
def test_a_pair_with_a_reference_pairs_caption_or_picture_is_not_held_against_that_one(same_caption: bool):
    reference, pair = embedded(12), embedded(1, seed=3, first=99)
    without_fourth = draw_calibration(reference, np.delete(np.arange(12), 4), "score")

    name = [reference.uids[4]]
    copy = replace(pair, captions=name) if same_caption else replace(pair, pictures=name)

    expected = calibrate(without_fourth, pair, every(pair)).z
    assert calibrate(made(reference), copy, every(copy)).z == pytest.approx(expected, abs=1e-6)
    assert calibrate(made(reference), pair, every(pair)).z != pytest.approx(expected, abs=1e-6)


def test_pilots_come_in_an_order_that_neither_the_listing_nor_the_day_gives():
    days = [f"2026-01-{day:02}" for day in range(1, 29)]

    order = pilot_order(reversed(days))

    assert order == pilot_order(days)
    assert sorted(order) == days
    assert order != days
