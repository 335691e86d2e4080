import math

import pytest

from pairsift.core.measuring import merge
from pairsift.core.records import Measurement, Reason
from pairsift.core.signals import CONSISTENCY, IMAGE_SIGNALS, TEXT_SIGNALS

NO_IMAGE = dict.fromkeys(IMAGE_SIGNALS, Reason.IMAGE_CORRUPT)
NO_CAPTION = dict.fromkeys(TEXT_SIGNALS, Reason.CAPTION_EMPTY)


@pytest.mark.parametrize(
    ("unmeasurable", "alignment", "reason"),
    [
        ({}, 0.2, Reason.SIGNAL_UNMEASURABLE),  # the phrases removed, nothing is left of the caption
        ({}, math.nan, Reason.LANGUAGE_UNSUPPORTED),
        (NO_IMAGE, math.nan, Reason.IMAGE_CORRUPT),
        (NO_CAPTION, math.nan, Reason.CAPTION_EMPTY),
        ({**NO_IMAGE, **NO_CAPTION}, math.nan, Reason.IMAGE_CORRUPT),
    ],
)
def test_tells_why_a_caption_has_no_consistency(unmeasurable: dict[str, Reason], alignment: float, reason: Reason):
    modelled = {"pair.alignment": [alignment], CONSISTENCY: [math.nan]}

    table = merge([Measurement({}, unmeasurable)], modelled)

    assert table.unmeasurable[0][CONSISTENCY] is reason
    assert table.signals[CONSISTENCY] == [None]


def test_what_an_encoder_does_not_measure_does_not_apply():
    table = merge([Measurement()], {"pair.alignment": [0.2]})

    assert table.signals[CONSISTENCY] == [None]
    assert CONSISTENCY not in table.unmeasurable[0]
