import numpy as np
import pytest

from pairsift.core.adapting import Studied, fit, judge
from pairsift.core.arrays import Floats


def unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def made_pairs(count: int, told: float, known: int = 12) -> Studied:
    """Pairs whose features say of their captions what their own vectors do not, as strongly as `told`."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(count, known))
    said = features @ rng.normal(size=(known, 6))
    text = unit(told * unit(said) + unit(rng.normal(size=(count, 6))))
    image = unit(0.4 * text + unit(rng.normal(size=(count, 6))))
    return Studied(features + 5, image, text, np.arange(count))


def test_the_closed_form_is_that_of_ridge_regression():
    """Two pairs with features 1 and −1 off their mean, captions 3 and 1: w = Σxy / (Σx² + ridge) = 2 / (2 + 2)."""
    pairs = Studied(np.array([[7.0], [5.0]]), np.ones((2, 1)), np.array([[3.0], [1.0]]), np.arange(2))

    (adapter,) = fit(pairs, (2.0,))

    assert adapter.centre.tolist() == [6.0]
    assert adapter.weights.tolist() == [[pytest.approx(0.5)]]


@pytest.mark.parametrize("count", [8, 40])
def test_few_pairs_and_many_are_fitted_alike(count: int):
    """By pair and by feature: the normal equations say what must come out."""
    pairs = made_pairs(count, told=1)

    (adapter,) = fit(pairs, (0.3,))

    inputs = unit(pairs.features - adapter.centre)
    targets = pairs.text - pairs.text.mean(axis=0)
    expected = np.linalg.solve(inputs.T @ inputs + 0.3 * np.eye(12), inputs.T @ targets)
    np.testing.assert_allclose(adapter.weights, expected, atol=1e-10)


def test_adds_in_equal_parts_what_the_features_say():
    pairs = Studied(np.array([[2.0], [0.0]]), np.eye(2), np.array([[1.0, 0.0], [0.0, 1.0]]), np.arange(2))

    (adapter,) = fit(pairs, (1.0,))

    # The feature of the first points to (1, −1) / √2; its own vector is (1, 0).
    expected = np.array([1 / np.sqrt(2) + 1, -1 / np.sqrt(2)])
    np.testing.assert_allclose(adapter.adapt(pairs.features, pairs.image)[0], expected / np.linalg.norm(expected))


def test_what_the_features_know_is_worth_something_for_held_out_pairs():
    worth = judge(made_pairs(200, told=1.5), seed=0)

    assert worth.gain_low > 0.05
    assert worth.auc_after == pytest.approx(worth.auc_before + worth.gain)
    assert worth.auc_before_low < worth.auc_before < worth.auc_before_high


def test_features_that_know_nothing_are_worth_nothing():
    """Fitted and judged on the same pairs it would look like a gain."""
    pairs = made_pairs(200, told=0)

    worth = judge(pairs, seed=0)

    assert worth.gain_low <= 0.01
    assert worth.gain < 0.01


def test_alike_pairs_are_never_on_both_sides():
    """Each pair twice: split by pair, an adapter would have learnt the very captions that it is judged by."""
    once = made_pairs(60, told=0, known=60)
    twice = once.take(np.repeat(np.arange(60), 2))

    split_by_pair = Studied(twice.features, twice.image, twice.text, np.arange(120))

    assert judge(twice, seed=0).gain < 0.02
    assert judge(split_by_pair, seed=0).gain > 0.05
