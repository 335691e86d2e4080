from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from pairsift.config import EnhanceConfig, PreprocessConfig
from pairsift.core.preprocessing import prepare
from pairsift.core.records import Cleaner, Reason
from pairsift.core.signals import IMAGE_SIGNALS, TEXT_SIGNALS
from tests.unit.pictures import encoded, scene

CONFIG = PreprocessConfig()
JPEG = encoded(scene(0), "JPEG")
CAPTION = b"A brown dog\n"


def test_a_good_pair_has_pixels_a_caption_and_every_signal():
    prepared = prepare(JPEG, CAPTION, CONFIG, Cleaner.DEFAULT)

    assert prepared.pixels is not None
    assert prepared.pixels.shape == (224, 224, 3)
    assert prepared.pixels.dtype == np.uint8
    assert prepared.caption == "A brown dog"
    assert sorted(prepared.measurement.values) == sorted([*IMAGE_SIGNALS, *TEXT_SIGNALS])
    assert prepared.measurement.values["image.width"] == 512
    assert prepared.measurement.unmeasurable == {}


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (None, Reason.IMAGE_MISSING),
        (b"", Reason.IMAGE_EMPTY),
        (b"<html>", Reason.IMAGE_UNKNOWN_FORMAT),
        (JPEG[:900], Reason.IMAGE_CORRUPT),
    ],
)
def test_a_bad_image_leaves_the_caption_measured(image: bytes | None, reason: Reason):
    prepared = prepare(image, CAPTION, CONFIG, Cleaner.DEFAULT)

    assert prepared.pixels is None
    assert prepared.measurement.unmeasurable == dict.fromkeys(IMAGE_SIGNALS, reason)
    assert sorted(prepared.measurement.values) == sorted(TEXT_SIGNALS)


@pytest.mark.parametrize(
    ("caption", "cleaner", "reason"),
    [
        (None, Cleaner.DEFAULT, Reason.CAPTION_MISSING),
        (b"caf\xe9", Cleaner.DEFAULT, Reason.CAPTION_NOT_UTF8),
        (b"a" * 100_001, Cleaner.DEFAULT, Reason.CAPTION_TOO_LONG),
        (b" <br>\n", Cleaner.DEFAULT, Reason.CAPTION_EMPTY),
        ("床上 黑猫\n".encode(), Cleaner.BASELINE, Reason.CAPTION_EMPTY),
    ],
)
def test_a_bad_caption_leaves_the_image_measured(caption: bytes | None, cleaner: Cleaner, reason: Reason):
    prepared = prepare(JPEG, caption, CONFIG, cleaner)

    assert prepared.caption is None
    assert prepared.measurement.unmeasurable == dict.fromkeys(TEXT_SIGNALS, reason)
    assert sorted(prepared.measurement.values) == sorted(IMAGE_SIGNALS)


def test_enhancement_changes_the_pixels_and_no_signal():
    enhancing = PreprocessConfig(enhance=EnhanceConfig(clahe=True, unsharp=True))

    plain = prepare(JPEG, CAPTION, CONFIG, Cleaner.DEFAULT)
    enhanced = prepare(JPEG, CAPTION, enhancing, Cleaner.DEFAULT)

    assert not np.array_equal(plain.pixels, enhanced.pixels)  # type: ignore[arg-type]  # both are there, as above
    assert enhanced.measurement == plain.measurement


def test_what_is_prepared_is_frozen():
    prepared = prepare(None, None, CONFIG, Cleaner.DEFAULT)

    with pytest.raises(FrozenInstanceError):
        prepared.caption = "another"  # type: ignore[misc]  # that is the test
