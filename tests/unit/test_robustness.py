import numpy as np
import pytest

from pairsift.core.perturbing import Perturbation
from pairsift.core.robustness import Sighting, compare

X, Y = [1.0, 0.0], [0.0, 1.0]
BEFORE = Sighting(np.array([0.9, 0.8]), np.array([[0.1], [0.2]]), np.array([X, X]))
AFTER = Sighting(np.array([0.8, 0.1]), np.array([[0.3], [0.2]]), np.array([X, Y]))
ONCE = np.array([[1, 1], [2, 0], [0, 2]])


def test_the_figures_by_hand():
    """Before, both own captions score above both others: AUC 1. After, 0.8 does so twice and 0.1 never: 2 of 4.

    The scores moved by 0.1 and 0.7, and one of two fused embeddings turned by a right angle.
    """
    moved = compare(Perturbation.BLUR, BEFORE, AFTER, ONCE)

    assert (moved.perturbation, moved.pairs) == (Perturbation.BLUR, 2)
    assert [each.value for each in (moved.auc, moved.auc_lost, moved.moved, moved.cosine)] == pytest.approx(
        [1.0, 0.5, 0.4, 0.5]
    )


def test_a_resample_takes_a_pair_whole():
    """Of the first pair alone 0.8 stands against 0.3: nothing is lost; of the second 0.1 against 0.2: all."""
    moved = compare(Perturbation.BLUR, BEFORE, AFTER, ONCE[1:])

    assert (moved.auc_lost.low, moved.auc_lost.high) == pytest.approx((0.025, 0.975))
    assert (moved.moved.low, moved.moved.high) == pytest.approx((0.1 + 0.025 * 0.6, 0.7 - 0.025 * 0.6))
    assert (moved.cosine.low, moved.cosine.high) == pytest.approx((0.025, 0.975))


def test_a_pair_that_cannot_be_measured_any_more_leaves_both_sides():
    after = Sighting(np.array([0.9, np.nan]), np.array([[0.1], [0.2]]), np.array([X, [np.nan, np.nan]]))

    moved = compare(Perturbation.TYPOS, BEFORE, after, ONCE[:2])

    assert moved.pairs == 1
    assert (moved.auc_lost.value, moved.moved.value, moved.cosine.value) == (0, 0, 1)


def test_nothing_moves_where_nothing_is_changed():
    moved = compare(Perturbation.NOISE, BEFORE, BEFORE, ONCE)

    assert (moved.auc_lost.high, moved.moved.high, moved.cosine.low) == (0, 0, 1)
