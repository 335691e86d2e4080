import numpy as np
import pytest

from pairsift.core.baseline import image_quality, pair_quality, strip_caption, text_quality


def test_strips_to_ascii_letters_digits_white_space_and_six_marks():
    assert strip_caption("Café №7 – a “dog”, 2 cats!?;: (x)_\ty\n") == "Caf 7  a dog, 2 cats!?;: x\ty\n"


def test_stripping_deletes_a_chinese_caption_entirely():
    assert strip_caption("床上有一只黑猫") == ""


def test_image_quality_is_the_population_variance_of_each_row():
    outputs = np.array([[1, 2, 3, 6], [5, 5, 5, 5]], dtype=np.float32)

    assert image_quality(outputs).tolist() == [3.5, 0.0]


def test_text_quality_of_unit_vectors_is_one_over_their_dimension():
    vectors = np.random.default_rng(0).normal(size=(50, 384)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    assert text_quality(unit) == pytest.approx(np.full(50, 1 / 384), rel=1e-5)


def test_swapping_captions_leaves_every_pair_quality_as_it_was():
    rng = np.random.default_rng(0)
    image = image_quality(rng.normal(size=(50, 1000)).astype(np.float32))
    vectors = rng.normal(size=(50, 384)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    own = pair_quality(image, text_quality(unit))
    swapped = pair_quality(image, text_quality(unit[rng.permutation(50)]))

    assert swapped == pytest.approx(own, rel=1e-5)
