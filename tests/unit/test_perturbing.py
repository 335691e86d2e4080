import difflib

import numpy as np
import pytest

from pairsift.core.perturbing import IN_PICTURE, Perturbation, crop, generator, mistype

SHA = "0123456789abcdef" * 4
CAPTION = "Two yellow dogs are running along the crowded beach, ca. 1990!"


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("perturbation", IN_PICTURE)
def test_a_perturbed_picture_is_another_and_the_same_again(perturbation: Perturbation):
    before = picture(60, 90)

    first, again = (IN_PICTURE[perturbation](before.copy(), generator(3, SHA)) for _ in range(2))

    assert first.tobytes() == again.tobytes()
    assert first.dtype == np.uint8
    assert first.shape[2] == 3
    assert first.tobytes() != before.tobytes()


def test_every_perturbation_is_of_one_side():
    assert set(Perturbation) - set(IN_PICTURE) == {Perturbation.TYPOS}


def test_a_crop_is_three_quarters_of_each_side_as_they_are():
    whole = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)

    cut = crop(whole, np.random.default_rng(1))

    assert cut.shape == (6, 9, 3)
    places = [(top, left) for top in range(3) for left in range(4)]
    assert any(np.array_equal(cut, whole[top : top + 6, left : left + 9]) for top, left in places)


def test_a_picture_of_one_pixel_is_left():
    assert crop(picture(1, 1), np.random.default_rng(0)).shape == (1, 1, 3)


def test_half_of_the_long_words_have_a_typo_and_keep_their_ends():
    words = ["photographs"] * 1000

    typed = mistype(" ".join(words), np.random.default_rng(0)).split()

    wrong = [word for word in typed if word != "photographs"]
    assert len(wrong) == pytest.approx(500, abs=50)  # three standard deviations of 16
    assert {(word[0], word[-1]) for word in wrong} == {("p", "s")}
    assert {len(word) for word in wrong} == {10, 11, 12}
    assert all(difflib.SequenceMatcher(None, word, "photographs").ratio() > 0.85 for word in wrong)


@pytest.mark.parametrize("seed", range(20))
def test_something_is_mistyped_and_nothing_but_long_words(seed: int):
    typed = mistype(CAPTION, np.random.default_rng(seed))

    assert typed != CAPTION
    assert typed.endswith(", ca. 1990!")
    assert len(typed.split()) == len(CAPTION.split())


@pytest.mark.parametrize("caption", ["", "a cat", "IMG_1234.JPG", "1234 5678"])
def test_a_caption_without_long_words_stays(caption: str):
    assert mistype(caption, np.random.default_rng(0)) == caption


def test_each_pair_and_seed_has_a_generator_of_its_own():
    drawn = {generator(seed, sha).random() for seed, sha in ((0, SHA), (1, SHA), (0, SHA[::-1]))}

    assert len(drawn) == 3
    assert generator(0, SHA).random() in drawn
