import numpy as np
import pytest

from pairsift.core.augmenting import leave_out_words, names_a_side


@pytest.mark.parametrize(
    "caption",
    [
        "a cat on the left",
        "The rightmost of three chairs",
        "walking rightwards",
        "turn it counter-clockwise",
        "ein Hund links im Bild",
        "la tour à gauche",
        "una casa a la derecha",
        "дом слева",
        "左边的猫",
    ],
)
def test_a_caption_that_names_a_side_is_known(caption: str):
    assert names_a_side(caption)


@pytest.mark.parametrize("caption", ["a bright copyright sign", "prawns on a plate", "leftovers in a bowl", ""])
def test_a_word_that_only_contains_one_is_none(caption: str):
    assert not names_a_side(caption)


def test_leaves_out_about_a_fifth_of_the_words_and_keeps_the_order():
    words = [f"w{n}" for n in range(10_000)]

    left = leave_out_words(" ".join(words), np.random.default_rng(0)).split()

    assert len(left) == pytest.approx(8_000, abs=120)  # three standard deviations of 40
    assert left == [word for word in words if word in set(left)]


def test_the_only_word_is_never_left_out():
    assert {leave_out_words("cat", np.random.default_rng(seed)) for seed in range(50)} == {"cat"}
