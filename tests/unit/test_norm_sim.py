import numpy as np
import pytest

from pairsift.core.embedded import BLOCK_PAIRS
from pairsift.core.norm_sim import BLOCK_TARGETS, Norm, canonical_target, norm_sim, target_set

TARGETS = np.array([[1.0, 0.0], [0.0, 1.0]], np.float16)


@pytest.mark.parametrize(
    ("picture", "norm", "expected"),
    [
        ([0.6, 0.8], "inf", 0.8),
        ([0.6, 0.8], 2, 1.0),  # √(0.36 + 0.64)
        ([-0.8, 0.6], "inf", 0.8),  # a norm knows no sign
        ([1.0, 0.0], "inf", 1.0),
    ],
)
def test_a_picture_is_as_near_as_the_norm_of_its_cosines_says(picture: list[float], norm: Norm, expected: float):
    assert norm_sim(np.array([picture]), target_set(TARGETS), norm) == pytest.approx([expected], abs=1e-6)


@pytest.mark.parametrize("norm", ["inf", 2])
def test_more_pictures_and_targets_than_a_block_holds_are_all_compared(norm: Norm):
    rng = np.random.default_rng(0)
    targets = (rng.normal(size=(BLOCK_TARGETS + 5, 4)) / 4).astype(np.float16)
    pictures = rng.normal(size=(BLOCK_PAIRS + 3, 4)) / 4

    made = norm_sim(pictures, target_set(targets), norm)

    expected = np.linalg.norm(pictures @ targets.astype(np.float64).T, ord=np.inf if norm == "inf" else 2, axis=1)
    assert made == pytest.approx(expected, abs=1e-4)
    assert np.array_equal(made[7:8], norm_sim(pictures[7:8], target_set(targets), norm))


def test_no_picture_has_no_score():
    assert len(norm_sim(np.zeros((0, 2)), target_set(TARGETS), "inf")) == 0


def test_a_target_set_is_named_by_its_pictures_in_whatever_order_and_number():
    rows = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    made = target_set(canonical_target(rows))

    assert made.fingerprint == target_set(canonical_target(rows[[1, 0]])).fingerprint
    assert made.fingerprint != target_set(canonical_target(rows[[0]])).fingerprint
    np.testing.assert_array_equal(made.image, [[0.0, 1.0], [1.0, 0.0]])
