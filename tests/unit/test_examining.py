import numpy as np
import pytest

from pairsift.core.discrimination import resampled_weights
from pairsift.core.examining import Discrimination, Sheet, discriminate, swap_aucs
from pairsift.core.planting import Fault
from pairsift.core.records import Reason, SignalValue
from tests.unit.exam_sheets import embedded_sheet, sheet_of

WEIGHTS = resampled_weights(np.random.default_rng(0), 4, 50)


def only(sheet: Sheet, signal: str) -> Discrimination:
    (found,) = [row for row in discriminate(sheet, WEIGHTS) if row.signal == signal]
    return found


@pytest.mark.parametrize(
    ("faulty", "side", "auc"),
    [
        ([1.0, 1.0, 1.0, 1.0], "lower", 1.0),
        ([90.0, 90.0, 90.0, 90.0], "higher", 1.0),
        ([10.0, 20.0, 30.0, 40.0], "lower", 0.5),
        ([10.0, 10.0, 10.0, 50.0], "lower", (3 * 3.5 + 0) / 16),
    ],
)
def test_tells_on_which_side_the_faulty_lie_and_how_surely(faulty: list[float], side: str, auc: float):
    sheet = sheet_of({"image.sharpness": [10.0, 20.0, 30.0, 40.0]}, Fault.BLURRED, {"image.sharpness": faulty})

    found = only(sheet, "image.sharpness")

    assert (found.fault, found.faulty_is) == (Fault.BLURRED, side)
    assert found.auc == pytest.approx(auc)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= auc <= found.high


def test_what_tells_all_has_no_spread():
    sheet = sheet_of({"image.sharpness": [5.0, 6.0, 7.0, 8.0]}, Fault.BLURRED, {"image.sharpness": [1.0] * 4})

    found = only(sheet, "image.sharpness")

    assert (found.low, found.high) == (1.0, 1.0)


def test_faulty_pairs_without_a_value_are_counted_by_reason_and_leave_the_auc():
    faulty: list[SignalValue] = [None, None, 1.0, 3.5]
    reasons = [{"pair.alignment": Reason.LANGUAGE_UNSUPPORTED}, {"pair.alignment": Reason.IMAGE_CORRUPT}, {}, {}]
    sheet = sheet_of(
        {"pair.alignment": [2.0, 3.0, 4.0, 5.0]}, Fault.FOREIGN_CAPTION, {"pair.alignment": faulty}, reasons
    )

    found = only(sheet, "pair.alignment")

    assert found.unmeasurable == {Reason.IMAGE_CORRUPT: 1, Reason.LANGUAGE_UNSUPPORTED: 1}
    assert found.auc == pytest.approx((4 + 2) / 8)


def test_a_signal_that_no_faulty_pair_has_has_no_auc():
    sheet = sheet_of(
        {"image.sharpness": [1.0, 2.0, 3.0, 4.0]},
        Fault.TRUNCATED_IMAGE,
        {"image.sharpness": [None] * 4},
        [{"image.sharpness": Reason.IMAGE_CORRUPT}] * 4,
    )

    found = only(sheet, "image.sharpness")

    assert (found.auc, found.faulty_is) == (None, None)
    assert found.unmeasurable == {Reason.IMAGE_CORRUPT: 4}


def test_signals_that_do_not_apply_words_and_copies_are_left_out():
    sheet = embedded_sheet(0)

    found = discriminate(sheet, resampled_weights(np.random.default_rng(0), len(sheet), 20))

    assert {(row.fault, row.signal) for row in found} == {
        (Fault.SWAPPED_CAPTION, "pair.alignment"),
        (Fault.SWAPPED_CAPTION, "image.sharpness"),
    }


def test_pairs_of_one_picture_are_resampled_together():
    sheet = sheet_of({"pair.alignment": [1.0, 0.0]}, Fault.SWAPPED_CAPTION, {"pair.alignment": [0.5, 2.0]})

    aucs = swap_aucs(sheet, "pair.alignment", np.array([[1, 1], [1, 0], [0, 1]]))

    assert aucs == pytest.approx([1 / 4, 1.0, 0.0])
