from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from pairsift.core.calibration import calibrate, in_uid_order
from pairsift.core.double_normalisation import Embedded


def embedded(n: int, seed: int = 0) -> Embedded:
    rng = np.random.default_rng(seed)
    image, text = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.standard_normal((2, n, 16)))
    return Embedded(image, text, np.arange(n), np.arange(n))


def uids(n: int) -> list[str]:
    return [f"{number:032x}" for number in range(n)]


def flags(n: int, absent: Sequence[int] = ()) -> npt.NDArray[np.bool_]:
    measurable = np.ones(n, dtype=np.bool_)
    measurable[list(absent)] = False
    return measurable


def test_orders_by_uid_then_ordinal():
    assert in_uid_order(["b", "a", "c", "a"], np.array([3, 0, 1])).tolist() == [1, 3, 0]


def test_the_reference_is_the_smallest_uids_of_the_survivors(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pairsift.core.calibration.REFERENCE_PAIRS", 10)
    pairs = embedded(14)

    with_others = calibrate(pairs, uids(14), flags(14), np.array([13, 12, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]))
    alone = calibrate(pairs, uids(14), flags(14), np.arange(10))

    assert with_others.summary is not None
    assert alone.summary is not None
    assert with_others.summary.fingerprint == alone.summary.fingerprint
    assert with_others.summary.n_reference == 10
    assert with_others.z.tolist() == alone.z.tolist()


def test_another_reference_has_another_fingerprint():
    first, second = (
        calibrate(embedded(12), uids(12), flags(12), survivors).summary for survivors in (np.arange(11), np.arange(12))
    )

    assert first is not None
    assert second is not None
    assert first.fingerprint != second.fingerprint


def test_sums_up_what_the_reference_said():
    calibration = calibrate(embedded(20), uids(20), flags(20, [3]), np.arange(2, 20))

    summary = calibration.summary
    assert summary is not None
    assert (summary.n_reference, summary.n_null, summary.n_tested) == (17, 17 * 16, 17)
    assert len(summary.null_quantiles) == 101
    assert list(summary.null_quantiles) == sorted(summary.null_quantiles)
    above_half = np.count_nonzero(calibration.p[np.delete(np.arange(2, 20), 1)] > 0.5)
    assert summary.pi0 == pytest.approx(min(1.0, (1 + above_half) / (17 / 2)))


def test_dropped_pairs_are_calibrated_and_unmeasurable_ones_are_not():
    calibration = calibrate(embedded(20), uids(20), flags(20, [3]), np.arange(2, 20))

    assert np.flatnonzero(np.isnan(calibration.z)).tolist() == [3]
    assert np.flatnonzero(np.isnan(calibration.p)).tolist() == [3]


def test_ten_reference_pairs_are_enough_and_nine_are_not():
    pairs = embedded(12)

    nine = calibrate(pairs, uids(12), flags(12, [11]), np.arange(2, 12)[::-1])
    ten = calibrate(pairs, uids(12), flags(12), np.arange(10))

    assert nine.summary is None
    assert np.isnan(nine.z).all()
    assert np.isnan(nine.p).all()
    assert ten.summary is not None
    assert np.isfinite(ten.p).all()


def test_a_survivor_without_spread_is_not_counted_as_tested():
    pairs = embedded(12)
    pairs.image[4] = 0.0

    calibration = calibrate(pairs, uids(12), flags(12), np.arange(12))

    assert calibration.summary is not None
    assert calibration.summary.n_tested == 11
    assert np.isnan(calibration.p[4])


def test_without_any_null_there_is_no_calibration():
    one_caption = embedded(12)
    same = Embedded(one_caption.image, one_caption.text, np.zeros(12, dtype=np.int64), one_caption.pictures)

    assert calibrate(same, uids(12), flags(12), np.arange(12)).summary is None
