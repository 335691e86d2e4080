import numpy as np
import pytest

from pairsift.core.consistency import best_cosines, strip_phrases


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("A photo of a red bus", " a red bus"),
        ("an IMAGE of a dog, stock photo", " a dog, "),
        ("photo stock of photos", " of s"),
        ("a photo image", " "),
        ("Photographs of imagery", "graphs of ry"),  # within words, as SIEVE's code does
        ("stock an image photo", "stock  "),  # each phrase in its turn: "stock photo" is past when it comes about
        ("photo", ""),
        ("a red bus", "a red bus"),
    ],
)
def test_removes_the_phrases_of_sieve_in_their_order(text: str, left: str):
    assert strip_phrases(text) == left


def test_a_caption_is_compared_with_the_nearest_of_its_own_sentences():
    sentences = np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, 0]], np.float32)
    captions = np.array([[1, 0], [1, 0], [2, 0], [np.nan, np.nan]], np.float32)
    shown = np.array([[0, 1], [1, 2], [3, 1], [0, 1]])

    found = best_cosines(captions, sentences, shown)

    np.testing.assert_allclose(found, [1.0, 0.6, 0.0, np.nan], atol=1e-7)


def test_no_caption_has_no_consistency():
    found = best_cosines(np.empty((0, 2), np.float32), np.eye(2, dtype=np.float32), np.empty((0, 8), np.int64))

    assert found.shape == (0,)
