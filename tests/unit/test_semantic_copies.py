import numpy as np
import numpy.typing as npt
import pytest

from pairsift.core import semantic_copies
from pairsift.core.semantic_copies import measured_rows, semantic_standing
from pairsift.core.standing import Standing

NONE_SETTLED = np.zeros(100_000, dtype=np.bool_)


def at_angles(*degrees: float) -> npt.NDArray[np.float32]:
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def stand(vectors: npt.NDArray[np.float32], cosine: float) -> Standing:
    return semantic_standing(vectors, np.arange(len(vectors)), cosine, NONE_SETTLED[: len(vectors)])


def one_after_the_other(vectors: npt.NDArray[np.float32], cosine: float) -> list[int]:
    """The definition, without blocks: the keeper of each, itself if it stands."""
    keepers: list[int] = []
    for row, vector in enumerate(vectors):
        alike = [other for other in range(row) if keepers[other] == other and vector @ vectors[other] > cosine]
        keepers.append(min(alike, default=row))
    return keepers


def families(seed: int, count: int, copies: int) -> npt.NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(count, 16))
    found = np.repeat(centres, copies, axis=0) + 0.25 * generator.normal(size=(count * copies, 16))
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    return generator.permutation(unit.astype(np.float32))


@pytest.mark.parametrize("rows_at_once", [1, 1024])
def test_a_cosine_exactly_at_the_limit_is_no_copy(rows_at_once: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(semantic_copies, "_ROWS_AT_ONCE", rows_at_once)
    vectors = np.array([[1, 0], [0.5, 0.75**0.5]], dtype=np.float32)

    assert stand(vectors, 0.5).stands.tolist() == [True, True]
    assert stand(vectors, 0.499999).stands.tolist() == [True, False]


def test_of_a_chain_the_ends_stand_since_they_are_no_copies_of_each_other():
    """The published code would remove the last too, as a copy of one that is itself removed."""
    chain = stand(at_angles(0, 10, 20), np.cos(np.deg2rad(15)))

    assert chain.stands.tolist() == [True, False, True]
    assert chain.keepers.tolist() == [0, 0, 2]


def test_the_first_of_a_chain_s_middle_takes_both_ends():
    middle_first = stand(at_angles(10, 0, 20), np.cos(np.deg2rad(15)))

    assert middle_first.keepers.tolist() == [0, 0, 0]


def test_lengths_do_not_matter():
    vectors = at_angles(0, 1, 90) * np.array([[1], [7], [0.1]], dtype=np.float32)

    assert stand(vectors, 0.99).keepers.tolist() == [0, 0, 2]


def test_blocks_find_what_the_definition_says(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(semantic_copies, "_ROWS_AT_ONCE", 7)
    vectors = families(0, 20, 5)

    keepers = one_after_the_other(vectors, 0.94)

    assert stand(vectors, 0.94).keepers.tolist() == keepers
    assert 20 <= len(set(keepers)) < 60


def test_a_settled_picture_stands_beside_another():
    vectors = at_angles(0, 1, 2)

    standing = semantic_standing(vectors, np.arange(3), 0.99, np.array([True, True, False]))

    assert standing.stands.tolist() == [True, True, False]
    assert standing.keepers[2] == 0


def test_many_pictures_are_compared_within_seeded_clusters(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(semantic_copies, "ALL_WITH_ALL", 100)
    monkeypatch.setattr(semantic_copies, "PAIRS_A_CLUSTER", 250)
    vectors = families(1, 200, 5)

    clustered, again = stand(vectors, 0.94), stand(vectors, 0.94)

    truth = one_after_the_other(vectors, 0.94)
    assert clustered.keepers.tolist() == again.keepers.tolist()
    assert np.mean(clustered.keepers == truth) > 0.9
    alike = (vectors * vectors[clustered.keepers]).sum(axis=1)
    assert (alike[~clustered.stands] > 0.94 - 1e-6).all()


def test_a_row_without_a_direction_is_no_embedding():
    rows = np.array([[1, 0], [0, 0], [np.nan, 1], [np.inf, 0]], dtype=np.float16)

    assert measured_rows(rows).tolist() == [True, False, False, False]
