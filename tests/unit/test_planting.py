import re

import numpy as np
import pytest
from numpy.typing import NDArray

from pairsift.config import PreprocessConfig
from pairsift.core.caption_signals import text_signals
from pairsift.core.foreign_captions import FOREIGN_CAPTIONS
from pairsift.core.image_signals import image_signals
from pairsift.core.images import decode_image
from pairsift.core.planting import (
    IN_CAPTION,
    IN_PICTURE,
    Fault,
    add_noise,
    blur,
    darken,
    file_name,
    low_quality_jpeg,
    swap_partners,
    truncate_caption,
    truncated_jpeg,
    write_caption,
)
from pairsift.core.records import Reason, SignalValue
from tests.unit.pictures import scene

CAPTION = "A round stone windmill with thin spokes by the sea."


def number(value: SignalValue) -> float:
    assert isinstance(value, int | float)
    return float(value)


def plant(fault: Fault, picture: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
    planted = IN_PICTURE[fault](picture, CAPTION, np.random.default_rng(seed))
    found = decode_image(planted, PreprocessConfig()) if isinstance(planted, bytes) else planted
    assert not isinstance(found, Reason)
    return found


def test_every_fault_is_one_of_pictures_or_captions_or_of_pairs():
    of_pairs = {Fault.SWAPPED_CAPTION, Fault.EXACT_COPY}

    assert {*IN_PICTURE, *IN_CAPTION} | of_pairs == set(Fault)
    assert not (IN_PICTURE.keys() & IN_CAPTION.keys())


@pytest.mark.parametrize("fault", [fault for fault in IN_PICTURE if fault is not Fault.TRUNCATED_IMAGE])
@pytest.mark.parametrize("size", [(512, 400), (90, 70), (1, 1), (2100, 1300)])
def test_a_planted_picture_keeps_its_size_and_leaves_its_original_alone(fault: Fault, size: tuple[int, int]):
    picture = scene(3, *size)
    before = picture.copy()

    planted = plant(fault, picture)

    assert planted.shape == picture.shape
    assert planted.dtype == np.uint8
    np.testing.assert_array_equal(picture, before)


def test_blur_is_as_strong_in_a_large_picture_as_in_a_small_one():
    squares = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    picture, large = (squares.repeat(side, axis=0).repeat(side, axis=1) for side in (8, 50))

    small_signals, large_signals = (image_signals(blur(given)) for given in (picture, large))

    assert number(small_signals["image.sharpness"]) < 0.05 * number(image_signals(picture)["image.sharpness"])
    assert large_signals["image.sharpness"] == pytest.approx(small_signals["image.sharpness"], rel=0.3)
    assert large_signals["image.brightness"] == pytest.approx(image_signals(picture)["image.brightness"], abs=0.01)


@pytest.mark.parametrize("size", [(256, 256), (1024, 1024)])
def test_noise_deviates_by_forty_levels_in_the_256_px_copy(size: tuple[int, int]):
    grey = np.full((*size, 3), 128, np.uint8)

    noisy = add_noise(grey, np.random.default_rng(5))

    grain = noisy[:: size[0] // 256, :: size[1] // 256].astype(np.float64)
    assert grain.mean() == pytest.approx(128, abs=1)
    assert grain.std() == pytest.approx(40, abs=1)


def test_noise_repeats_with_its_seed_and_differs_without():
    picture = scene(2)
    first, again, other = (add_noise(picture, np.random.default_rng(seed)) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_darkness_leaves_a_twentieth_of_every_level():
    picture = np.array([[[0, 20, 100], [200, 255, 9]]], np.uint8)

    assert darken(picture).tolist() == [[[0, 1, 5], [10, 13, 0]]]


def test_a_caption_is_written_into_the_lower_half_only():
    picture = np.full((400, 600, 3), 128, np.uint8)

    changed = (write_caption(picture, CAPTION) != picture).any(axis=(1, 2))

    assert changed.any()
    assert not changed[:200].any()


def test_of_a_long_caption_as_much_is_written_as_fits():
    picture = np.full((400, 600, 3), 128, np.uint8)

    changed = (write_caption(picture, "windmill " * 500) != picture).any(axis=(1, 2))

    assert not changed[:180].any()


def test_a_low_quality_jpeg_decodes_to_a_coarser_picture():
    picture = scene(4)

    decoded = decode_image(low_quality_jpeg(picture), PreprocessConfig())

    assert not isinstance(decoded, Reason)
    assert np.abs(decoded.astype(int) - picture).mean() > 4


def test_a_cut_off_file_cannot_be_decoded():
    assert decode_image(truncated_jpeg(scene(4)), PreprocessConfig()) is Reason.IMAGE_CORRUPT


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (4000, "IMG_4000.JPG"),
        (41, "DSC00041.jpg"),
        (42, "image42.png"),
        (43, "a-round-stone-1024x768.jpg"),
    ],
)
def test_file_names_take_turns(number: int, expected: str):
    assert file_name(CAPTION, number) == expected


def test_a_caption_without_latin_words_has_a_file_name_too():
    assert file_name("山脚下有一座红色屋顶的小房子。", 3) == "photo-1024x768.jpg"


@pytest.mark.parametrize("number", range(4))
def test_every_file_name_is_likely_one(number: int):
    name = file_name(CAPTION, number)

    assert text_signals(name, name)["text.filename_likeness"] == 1


@pytest.mark.parametrize(("caption", "expected"), [("abcdef", "ab"), ("ab", "a"), (CAPTION, "A round stone win")])
def test_a_truncated_caption_is_the_first_third(caption: str, expected: str):
    assert truncate_caption(caption) == expected


@pytest.mark.parametrize("count", [2, 4, 50])
@pytest.mark.parametrize("turn", [1, 3, 7])
def test_partners_are_each_others_and_nobody_is_its_own(count: int, turn: int):
    partners = swap_partners(count, turn)

    everyone = np.arange(count)
    np.testing.assert_array_equal(partners[partners], everyone)
    assert (partners != everyone).all()


def test_another_turn_gives_everybody_another_partner():
    assert (swap_partners(50, 1) != swap_partners(50, 3)).all()


def test_the_shipped_captions_are_different_sentences_in_languages_other_than_english():
    sentences = [sentence for alike in FOREIGN_CAPTIONS.values() for sentence in alike]

    assert len(FOREIGN_CAPTIONS) == 8
    assert "en" not in FOREIGN_CAPTIONS
    assert len(set(sentences)) == len(sentences) == 40
    assert all(re.search(r"[.。]$", sentence) for sentence in sentences)


@pytest.mark.parametrize("language", FOREIGN_CAPTIONS)
def test_a_shipped_caption_is_recognised_as_in_its_language(language: str):
    recognised = [text_signals(text, text)["text.language"] == language for text in FOREIGN_CAPTIONS[language]]

    assert sum(recognised) >= 4
