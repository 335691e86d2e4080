from collections.abc import Callable
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from pairsift.config import EnhanceConfig, PreprocessConfig
from pairsift.core.images import resize
from pairsift.core.preprocessing import Pixels, Prepared, PreparedImage, prepare_caption, prepare_image, prepare_pairs
from pairsift.core.records import Cleaner, IngestedPair, Reason
from pairsift.core.signals import IMAGE_SIGNALS, TEXT_SIGNALS
from tests.unit.pictures import encoded, scene

CONFIG = PreprocessConfig()
JPEG = encoded(scene(0), "JPEG")
CAPTION = b"A brown dog\n"


def squeeze(rgb: Pixels) -> Pixels:
    return resize(rgb, (32, 24))


def pair(uid: str, image_sha256: str | None, caption: bytes | None = CAPTION) -> IngestedPair:
    return IngestedPair(0, uid, uid, None, image_sha256, caption)


def prepare(*pairs: IngestedPair, read: Callable[[IngestedPair], bytes | None] = lambda _: JPEG) -> list[Prepared]:
    def picture(one: IngestedPair) -> PreparedImage:
        return prepare_image(read(one), CONFIG, squeeze)

    return list(prepare_pairs(pairs, picture, CONFIG, Cleaner.DEFAULT))


def test_a_good_pair_has_pixels_a_caption_and_every_signal():
    (prepared,) = prepare(pair("1", "dog"))

    assert (prepared.uid, prepared.image, prepared.caption) == ("1", 0, "A brown dog")
    assert prepared.pixels is not None
    assert prepared.pixels.shape == (24, 32, 3)
    assert prepared.pixels.dtype == np.uint8
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
    (prepared,) = prepare(pair("1", "bad"), read=lambda _: image)

    assert (prepared.image, prepared.pixels) == (None, None)
    assert prepared.measurement.unmeasurable == dict.fromkeys(IMAGE_SIGNALS, reason)
    assert sorted(prepared.measurement.values) == sorted(TEXT_SIGNALS)


def test_a_picture_is_read_once_however_many_captions_it_has():
    read: list[str] = []

    def counted(one: IngestedPair) -> bytes:
        read.append(one.uid)
        return JPEG if one.image_sha256 != "broken" else b"<html>"

    pairs = [pair("1", "dog"), pair("2", "broken"), pair("3", "dog", b"a dog"), pair("4", "cat"), pair("5", "broken")]
    prepared = prepare(*pairs, read=counted)

    assert read == ["1", "2", "4"]
    assert [one.image for one in prepared] == [0, None, 0, 1, None]
    assert [one.pixels is None for one in prepared] == [False, True, True, False, True]
    assert prepared[2].measurement.values["image.width"] == 512
    assert prepared[4].measurement.unmeasurable["image.width"] is Reason.IMAGE_UNKNOWN_FORMAT


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
def test_a_bad_caption_is_unmeasurable(caption: bytes | None, cleaner: Cleaner, reason: Reason):
    cleaned, measured = prepare_caption(caption, CONFIG, cleaner)

    assert cleaned is None
    assert measured.unmeasurable == dict.fromkeys(TEXT_SIGNALS, reason)


def test_a_bad_caption_leaves_the_image_measured():
    (prepared,) = prepare(pair("1", "dog", None))

    assert prepared.image == 0
    assert sorted(prepared.measurement.values) == sorted(IMAGE_SIGNALS)


def test_enhancement_changes_the_pixels_and_no_signal():
    enhancing = PreprocessConfig(enhance=EnhanceConfig(clahe=True, unsharp=True))

    plain, enhanced = (prepare_image(JPEG, config, squeeze) for config in (CONFIG, enhancing))

    assert not np.array_equal(plain.pixels, enhanced.pixels)  # type: ignore[arg-type]  # both are there, as above
    assert enhanced.measurement == plain.measurement


def test_what_is_prepared_is_frozen():
    (prepared,) = prepare(pair("1", None))

    with pytest.raises(FrozenInstanceError):
        prepared.caption = "another"  # type: ignore[misc]  # that is the test
