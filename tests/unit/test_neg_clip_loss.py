import math

import numpy as np
import numpy.typing as npt
import pytest

from pairsift.core.double_normalisation import prepare_reference
from pairsift.core.embedded import BLOCK_PAIRS, Embedded
from pairsift.core.neg_clip_loss import BATCH_PAIRS, neg_clip_loss

Matrix = npt.NDArray[np.float64]

SCORES = np.array(
    [  # captions 0–2 of the reference, and the tested pair's
        [0.75, 0.50, 0.00, 0.25],  # image 0
        [0.00, 0.75, 0.25, 0.50],  # image 1
        [0.25, 0.25, 0.75, 0.00],  # image 2
        [0.00, 0.50, 0.25, 0.50],  # the tested image
    ]
)


def with_scores(scores: Matrix, captions: list[int] | None = None, pictures: list[int] | None = None) -> Embedded:
    """Pairs of which image i has the cosine scores[i, j] with caption j: captions are the axes."""
    n = len(scores)
    return Embedded(scores, np.eye(n), np.array(captions or range(n)), np.array(pictures or range(n)))


def take(pairs: Embedded, *rows: int) -> Embedded:
    return pairs.take(np.array(rows, dtype=np.int64))


def scored(pairs: Embedded, reference: Embedded, temperature: float = 0.5) -> npt.NDArray[np.float64]:
    return neg_clip_loss(pairs, np.arange(len(pairs)), prepare_reference(reference), temperature)


def published(own: float, of_image: list[float], of_caption: list[float], temperature: float) -> float:
    """The paper's formula, in which each of the others stands in the batch as often as makes it 32,768."""
    times = (BATCH_PAIRS - 1) / len(of_image)
    sums = [
        math.exp(own / temperature) + times * sum(math.exp(cosine / temperature) for cosine in others)
        for others in (of_image, of_caption)
    ]
    return own - temperature / 2 * (math.log(sums[0]) + math.log(sums[1]))


@pytest.mark.parametrize("temperature", [0.01, 0.07, 1.0])
def test_a_pair_scores_as_in_the_paper_with_the_reference_set_for_its_batch(temperature: float):
    pairs = with_scores(SCORES)

    (score,) = scored(take(pairs, 3), take(pairs, 0, 1, 2), temperature)

    expected = published(0.50, [0.00, 0.50, 0.25], [0.25, 0.50, 0.00], temperature)
    assert score == pytest.approx(expected, abs=1e-9)


def test_a_pair_with_one_other_is_computed_by_hand():
    # own 1, the other 0 both ways, τ = 1: 1 − log(e + 32767); log 32768 is 10.3972077, log(1 + 1.71828 / 32768) 5.24e-5
    pairs = with_scores(np.eye(2))

    (score,) = scored(take(pairs, 0), take(pairs, 1), temperature=1.0)

    assert score == pytest.approx(-9.3972601, abs=1e-6)


def test_a_pair_of_the_reference_set_is_in_its_batch_once():
    pairs = with_scores(SCORES)

    with_itself = scored(take(pairs, 3), take(pairs, 0, 1, 2, 3))

    np.testing.assert_array_equal(with_itself, scored(take(pairs, 3), take(pairs, 0, 1, 2)))


@pytest.mark.parametrize(("captions", "pictures"), [([0, 1, 2, 1], None), (None, [0, 1, 2, 1])])
def test_pairs_with_its_caption_or_picture_are_no_others(captions: list[int] | None, pictures: list[int] | None):
    pairs = with_scores(SCORES, captions, pictures)

    (score,) = scored(take(pairs, 3), take(pairs, 0, 1, 2))

    assert score == pytest.approx(published(0.50, [0.00, 0.25], [0.25, 0.00], 0.5), abs=1e-9)


def test_a_reference_set_of_any_size_stands_for_a_batch_of_one_size():
    pairs = with_scores(SCORES)
    once, thrice = take(pairs, 0, 1, 2), take(pairs, *[0, 1, 2] * 3)

    assert scored(take(pairs, 3), thrice) == pytest.approx(scored(take(pairs, 3), once), abs=1e-9)


def test_a_pair_that_nothing_else_stands_beside_has_no_score():
    pairs = with_scores(SCORES)

    assert np.isnan(scored(take(pairs, 3), take(pairs, 3))).all()
    assert len(scored(take(pairs), take(pairs, 0, 1))) == 0


def test_neither_high_cosines_nor_a_low_temperature_overflow():
    pairs = with_scores(np.array([[1.0, 1.0], [1.0, 1.0]]))

    (score,) = scored(take(pairs, 0), take(pairs, 1), temperature=0.0005)

    assert score == pytest.approx(-0.0005 * math.log(BATCH_PAIRS), abs=1e-9)


def test_a_score_depends_on_its_own_pair_and_the_reference_set_alone():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2, BLOCK_PAIRS + 40, 16))
    image, text = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in rows)
    count = len(image)
    pairs = Embedded(image, text, np.arange(count), np.arange(count))
    reference = take(pairs, *range(40))

    together = scored(pairs, reference, 0.01)

    order = rng.permutation(count)
    np.testing.assert_array_equal(scored(take(pairs, *order), reference, 0.01), together[order])
    alone = [scored(take(pairs, row), reference, 0.01)[0] for row in (0, 39, 40, count - 1)]
    np.testing.assert_array_equal(alone, together[[0, 39, 40, count - 1]])
    assert (together <= 0).all()
