import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pairsift.core.signals import FUSION_MATCH, MASKED, MODEL_SIGNALS
from pairsift.models.conse import Conse
from pairsift.models.conse_loading import find_conse, load_conse
from pairsift.models.device import limit_threads
from pairsift.models.scores import Scores

EMBEDDINGS = ("image_embedding", "text_embedding", "fused_embedding")
ROWS = np.arange(7)
GOLDEN_ALIGNMENT = [-0.156, -0.186, -0.003, 0.009, -0.184, -0.113, -0.021]
GOLDEN_CONSISTENCY = [0.3533, 0.1607, 0.1713, 0.2672, 0.3533, 0.2533, 0.0936]
GOLDEN_QUALITY = [2.1645, 1.8735, 1.9473, 1.667, 1.9525, 1.7236, 1.8308]
GOLDEN_FUSED = [0.061, 0.0303, 0.0305, 0.0478, 0.0603, 0.0037, -0.004]


def take(scores: Scores, rows: NDArray[np.int64]) -> dict[str, bytes]:
    """Return every number of some pairs as bytes, by name."""
    arrays = {name: getattr(scores, name) for name in EMBEDDINGS} | scores.signals
    return {name: array[rows].tobytes() for name, array in arrays.items()}


@pytest.fixture(params=["conse", "conse_bfloat16"])
def encoder(request: pytest.FixtureRequest) -> Conse:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Conse)
    return found


def test_a_picture_is_nearer_to_its_own_caption(encoder: Conse, photographs):
    own = ["A Chinese temple with curved roofs stands above a pond.", "An orange flower in front of green leaves."]

    right = encoder.score(photographs, ROWS[:2], own).signals["pair.alignment"]
    swapped = encoder.score(photographs, ROWS[:2], own[::-1]).signals["pair.alignment"]

    assert (right > swapped + 0.2).all()


def test_scores_are_those_of_this_scoring_version(conse: Conse, drawings, captions):
    """Raise SCORING_VERSION with these numbers."""
    scores = conse.score(drawings, ROWS, captions)

    np.testing.assert_allclose(scores.signals["pair.alignment"], GOLDEN_ALIGNMENT, atol=1e-3)
    np.testing.assert_allclose(scores.signals["text.semantic_consistency"], GOLDEN_CONSISTENCY, atol=1e-3)
    np.testing.assert_allclose(scores.signals["baseline.image_quality"], GOLDEN_QUALITY, rtol=1e-3)
    np.testing.assert_allclose(scores.fused_embedding[:, 0].astype(float), GOLDEN_FUSED, atol=1e-3)


def test_a_pair_alone_has_the_bytes_it_has_among_others(encoder: Conse, drawings, captions):
    together = encoder.score(drawings, ROWS, captions)

    for row in ROWS:
        alone = encoder.score(drawings[row : row + 1], ROWS[:1], captions[row : row + 1])
        assert take(alone, ROWS[:1]) == take(together, ROWS[row : row + 1])


def test_the_order_of_pairs_changes_no_byte(encoder: Conse, drawings, captions):
    order = np.random.default_rng(1).permutation(7)
    together = encoder.score(drawings, ROWS, captions)

    shuffled = encoder.score(drawings[order], ROWS, [captions[row] for row in order])

    assert take(shuffled, ROWS) == take(together, order)


def test_the_order_of_pixels_is_free(conse: Conse, drawings, captions):
    order = np.array([3, 0, 6])

    image_of = np.full(7, -1)
    image_of[order] = np.arange(3)

    scores = conse.score(drawings[order], image_of, captions)

    assert take(scores, order) == take(conse.score(drawings, ROWS, captions), order)


def test_the_batch_size_changes_no_byte_on_one_thread(conse: Conse, config, drawings, captions):
    larger = config.model_copy(update={"batch_size": 7})
    threads = torch.get_num_threads()
    limit_threads(1)
    try:
        scores = [
            encoder.score(drawings, ROWS, captions) for encoder in (conse, load_conse(find_conse(larger), larger))
        ]
    finally:
        limit_threads(threads)

    assert take(scores[0], ROWS) == take(scores[1], ROWS)


def test_bfloat16_agrees_with_float32(conse: Conse, conse_bfloat16: Conse, photographs, captions):
    exact, rounded = (encoder.score(photographs, ROWS[:2], captions[:2]) for encoder in (conse, conse_bfloat16))

    np.testing.assert_allclose(rounded.signals["pair.alignment"], exact.signals["pair.alignment"], atol=0.01)


def test_what_is_absent_is_nan_and_the_rest_is_measured(conse: Conse, drawings):
    scores = conse.score(drawings[:2], np.array([0, -1, 1, -1]), ["a cat", "a cat", None, None])

    measured = {name: (~np.isnan(values)).tolist() for name, values in scores.signals.items()}
    assert measured == {
        "pair.alignment": [True, False, False, False],
        "text.semantic_consistency": [True, False, False, False],
        "baseline.image_quality": [True, False, True, False],
        "baseline.text_quality": [True, True, False, False],
        "baseline.pair_quality": [True, False, False, False],
    }
    assert [(~np.isnan(getattr(scores, name))).all(axis=1).tolist() for name in EMBEDDINGS] == [
        [True, False, True, False],
        [True, True, False, False],
        [True, False, False, False],
    ]


def test_scores_no_pair_at_all(conse: Conse, drawings):
    scores = conse.score(drawings[:0], ROWS[:0], [])

    assert scores.fused_embedding.shape == (0, conse.dim)


def test_scores_captions_without_any_image(conse: Conse, drawings):
    scores = conse.score(drawings[:0], np.array([-1, -1]), ["a cat", None])

    assert np.isnan(scores.signals["pair.alignment"]).all()


def test_measures_exactly_the_signals_of_a_model(conse: Conse, drawings, captions):
    assert set(conse.score(drawings, ROWS, captions).signals) == set(MODEL_SIGNALS) - {FUSION_MATCH, MASKED}


def test_alignment_can_be_computed_again_from_the_stored_embeddings(conse: Conse, drawings, captions):
    scores = conse.score(drawings, ROWS, captions)
    image, text = scores.image_embedding.astype(np.float64), scores.text_embedding.astype(np.float64)

    cosines = (image * text).sum(1) / np.linalg.norm(image, axis=1) / np.linalg.norm(text, axis=1)

    np.testing.assert_array_equal(scores.signals["pair.alignment"], cosines.astype(np.float32))


def test_embeddings_are_float16_of_unit_length(conse: Conse, drawings, captions):
    scores = conse.score(drawings, ROWS, captions)

    for embedding in (getattr(scores, name) for name in EMBEDDINGS):
        assert embedding.dtype == np.float16
        np.testing.assert_allclose(np.linalg.norm(embedding.astype(np.float64), axis=1), 1, atol=1e-3)


def test_another_picture_makes_another_fused_embedding(conse: Conse, drawings):
    fused = conse.score(drawings[:2], ROWS[:2], ["a cat", "a cat"]).fused_embedding.astype(np.float64)

    assert fused[0] @ fused[1] < 0.99


def test_the_phrases_of_sieve_change_nothing_of_the_consistency(conse: Conse, drawings):
    said = ["a red bus", "a photo of a red bus", "Stock photo a red bus image", "photo", "an image of a photo"]

    scores = conse.score(drawings[:1], np.zeros(5, np.int64), said).signals

    consistency = scores["text.semantic_consistency"]
    np.testing.assert_allclose(consistency[1:3], consistency[0], atol=1e-6)  # on several threads bits may differ
    assert np.isnan(consistency[3:]).all()
    assert not np.isnan(scores["pair.alignment"]).any()


def test_the_name_of_what_a_picture_most_probably_shows_is_fully_consistent(conse: Conse, photographs):
    captions = ["A photo of a daisy", "a photo of a fire truck"]

    consistency = conse.score(photographs[1:], np.zeros(2, np.int64), captions).signals["text.semantic_consistency"]

    assert consistency[0] == pytest.approx(1, abs=1e-5)
    assert consistency[1] < 0.5


def test_text_quality_of_a_unit_vector_is_constant(conse: Conse, drawings, captions):
    quality = conse.score(drawings, ROWS, captions).signals["baseline.text_quality"]

    np.testing.assert_allclose(quality, 1 / conse.dim, rtol=1e-5)


def test_published_input_changes_the_image_quality_alone(conse: Conse, config, drawings, captions):
    published = config.model_copy(update={"baseline_input": "published"})

    scores = load_conse(find_conse(published), published).score(drawings, ROWS, captions)

    shared = conse.score(drawings, ROWS, captions)
    assert not np.allclose(
        scores.signals["baseline.image_quality"], shared.signals["baseline.image_quality"], rtol=0.01
    )
    np.testing.assert_array_equal(scores.signals["pair.alignment"], shared.signals["pair.alignment"])


def test_leaves_its_input_as_it_was(conse: Conse, drawings, captions):
    frozen = drawings.copy()
    frozen.flags.writeable = False

    conse.score(frozen, ROWS, captions)

    np.testing.assert_array_equal(frozen, drawings)
