import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from pairsift.core.double_normalisation import calibrated_z, null_z, prepare_reference
from pairsift.core.embedded import Embedded

Matrix = npt.NDArray[np.float64]

SCORES = np.array(
    [  # captions 0–3 of the reference, and the tested pair's
        [0.75, 0.50, 0.00, 0.25, 0.25],  # image 0; mean of its three others .25, deviation .25 √⅔
        [0.00, 0.75, 0.25, 0.50, 0.25],  # image 1
        [0.00, 0.25, 0.75, 0.50, 0.50],  # image 2
        [0.00, 0.50, 0.25, 0.75, 0.00],  # image 3
        [0.00, 0.50, 0.00, 0.50, 1.00],  # the tested image; mean over the reference .25, deviation .25
    ]
)


def with_scores(scores: Matrix, captions: list[int] | None = None, pictures: list[int] | None = None) -> Embedded:
    """Pairs of which image i has the cosine scores[i, j] with caption j: captions are the axes."""
    n = len(scores)
    return Embedded(scores, np.eye(n), np.array(captions or range(n)), np.array(pictures or range(n)))


def take(pairs: Embedded, *rows: int) -> Embedded:
    return pairs.take(np.array(rows, dtype=np.int64))


def every(pairs: Embedded) -> npt.NDArray[np.int64]:
    return np.arange(len(pairs))


def plain_z(scores: Matrix, related: npt.NDArray[np.bool_], cell: tuple[int, int], reference: list[int]) -> float:
    """The definition in loops: image x with caption y, whatever is related to either left out."""
    x, y = cell
    others = [r for r in reference if not related[r, x] and not related[r, y]]

    def u(image: int, left: list[int]) -> float:
        kept = [scores[image, c] for c in left]
        deviation = np.std(kept) if len(kept) > 1 else 0.0
        return float((scores[image, y] - np.mean(kept)) / deviation) if deviation > 1e-6 else math.nan

    column = [u(r, [c for c in reference if not related[c, r] and not related[c, y]]) for r in others]
    usable = [value for value in column if not math.isnan(value)]
    deviation = np.std(usable) if len(usable) > 1 else 0.0
    return float((u(x, others) - np.mean(usable)) / deviation) if deviation > 1e-6 else math.nan


def test_z_of_a_pair_outside_the_reference_by_hand():
    pairs = with_scores(SCORES)

    z = calibrated_z(pairs, np.array([4]), prepare_reference(take(pairs, 0, 1, 2, 3)))

    # u of the pair = (1 − .25) / .25 = 3; u of images 0–3 with its caption = 0, 0, √1.5, −√1.5, of deviation √.75
    assert z == pytest.approx([3 / math.sqrt(0.75)])


def test_a_null_by_hand():
    nulls = null_z(prepare_reference(take(with_scores(SCORES), 0, 1, 2, 3)))

    # Image 0 with caption 1: over captions 2 and 3, u = (.5 − .125) / .125 = 3. Of the others, image 2 over captions
    # 0 and 3 has (.25 − .25) / .25 = 0, image 3 over captions 0 and 2 has 3: z = (3 − 1.5) / 1.5.
    # It comes after the three of caption 0.
    assert nulls[3] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("captions", "pictures"),
    [
        (None, None),
        ([0, 1, 2, 2, 4, 5, 6, 7, 8, 0, 10, 11], None),
        (None, [0, 1, 2, 3, 0, 0, 6, 7, 8, 9, 1, 11]),
        ([0, 1, 2, 2, 4, 5, 6, 7, 8, 0, 10, 11], [0, 1, 2, 3, 0, 0, 6, 7, 8, 9, 1, 11]),
    ],
)
def test_agrees_with_the_definition_in_loops(captions: list[int] | None, pictures: list[int] | None):
    n, reference = 12, list(range(8))
    scores = np.round(np.random.default_rng(7).normal(0.2, 0.1, (n, n)) * 2**20) / 2**20
    pairs = with_scores(scores, captions, pictures)
    related = (pairs.captions[:, None] == pairs.captions) | (pairs.pictures[:, None] == pairs.pictures)
    prepared = prepare_reference(take(pairs, *reference))

    z = calibrated_z(pairs, every(pairs), prepared)
    nulls = null_z(prepared)

    cells = [(x, y) for y, x in itertools.product(reference, reference) if not related[x, y]]
    assert z == pytest.approx([plain_z(scores, related, (i, i), reference) for i in range(n)], abs=1e-6)
    assert nulls == pytest.approx([plain_z(scores, related, cell, reference) for cell in cells], abs=1e-6)


def test_copies_of_a_reference_pair_score_as_it_does():
    rng = np.random.default_rng(1)
    scores = rng.normal(0.2, 0.1, (8, 8))
    once = with_scores(scores)
    twice = Embedded(
        *(np.concatenate([part, part[:1]]) for part in (once.image, once.text, once.captions, once.pictures))
    )

    z = calibrated_z(twice, every(twice), prepare_reference(take(once, *range(8))))

    assert z[8] == z[0]


def test_a_caption_for_all_leaves_nothing_to_compare_with():
    pairs = with_scores(np.random.default_rng(2).normal(0.2, 0.1, (12, 12)), captions=[5] * 12)

    prepared = prepare_reference(pairs)

    assert null_z(prepared).tolist() == []
    assert np.isnan(calibrated_z(pairs, every(pairs), prepared)).all()


def test_embeddings_without_spread_have_no_z():
    pairs = with_scores(np.full((12, 12), 0.25))

    prepared = prepare_reference(pairs)

    assert null_z(prepared).tolist() == []
    assert np.isnan(calibrated_z(pairs, every(pairs), prepared)).all()


def test_one_picture_without_spread_costs_only_its_own_scores():
    scores = np.random.default_rng(3).normal(0.2, 0.1, (12, 12))
    scores[4] = 0.25
    pairs = with_scores(scores)

    prepared = prepare_reference(pairs)

    assert np.flatnonzero(np.isnan(calibrated_z(pairs, every(pairs), prepared))).tolist() == [4]
    assert len(null_z(prepared)) == 11 * 11


def test_two_captions_are_too_few_for_a_deviation():
    prepared = prepare_reference(with_scores(SCORES[:2, :2]))

    assert null_z(prepared).tolist() == []


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch):
    pairs = with_scores(np.random.default_rng(4).normal(0.2, 0.1, (20, 20)))
    prepared = prepare_reference(take(pairs, *range(12)))
    whole = calibrated_z(pairs, every(pairs), prepared), null_z(prepared)

    monkeypatch.setattr("pairsift.core.embedded.BLOCK_PAIRS", 3)

    assert calibrated_z(pairs, every(pairs), prepared).tolist() == whole[0].tolist()
    assert null_z(prepared).tolist() == whole[1].tolist()
