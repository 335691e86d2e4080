"""Augmented views: what each kind changes, and that a view is a matter of its pair, number and seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pairsift.config import AUGMENTATIONS, Augmentation
from pairsift.core.preprocessing import PreparedLesson
from pairsift.models.augmenting import Augmenting
from pairsift.models.conse import Conse
from pairsift.models.gathering import gather, read_gathered
from pairsift.models.scores import Sides

IN_PICTURE = AUGMENTATIONS[:-1]
FLOWER = "a large orange flower before dark leaves"


@pytest.fixture(scope="module")
def lesson(photographs: NDArray[np.uint8]) -> PreparedLesson:
    return PreparedLesson("ab" * 16, "cd" * 32, photographs[1], FLOWER, None)


def views(lesson: PreparedLesson, *kinds: Augmentation, count: int = 12, seed: int = 0) -> list[PreparedLesson]:
    augmenting = Augmenting(kinds, count, seed)
    return [augmenting.view(lesson, number) for number in range(1, count + 1)]


def different(pictures: list[PreparedLesson]) -> int:
    return len({view.pixels.tobytes() for view in pictures})


@pytest.mark.parametrize("kind", IN_PICTURE)
def test_changes_the_picture_from_view_to_view_and_nothing_else(lesson: PreparedLesson, kind: Augmentation):
    seen = views(lesson, kind)

    assert different(seen) > 1
    assert {view.pixels.shape for view in seen} == {lesson.pixels.shape}
    assert all(replace(view, pixels=lesson.pixels) == lesson for view in seen)


def test_changes_the_caption_alone(lesson: PreparedLesson):
    seen = views(lesson, "words")

    assert len({view.caption for view in seen}) > 1
    assert different([*seen, lesson]) == 1


def test_without_a_kind_a_view_is_the_pair_itself(lesson: PreparedLesson):
    assert different([*views(lesson), lesson]) == 1


def test_half_of_the_views_are_mirrored(lesson: PreparedLesson):
    mirrored = [np.array_equal(view.pixels, lesson.pixels[:, ::-1]) for view in views(lesson, "flip", count=60)]

    assert 18 < sum(mirrored) < 42


def test_a_picture_whose_caption_names_a_side_is_never_mirrored(lesson: PreparedLesson):
    told = replace(lesson, caption="a flower on the left")

    assert different([*views(told, "flip", count=30), told]) == 1


def test_a_view_depends_on_its_pair_its_number_and_the_seed(lesson: PreparedLesson):
    first, *others = views(lesson, *AUGMENTATIONS, count=3)

    assert Augmenting(AUGMENTATIONS, 9, 0).view(lesson, 1).pixels.tobytes() == first.pixels.tobytes()
    other_pair = replace(lesson, uid="00" * 16)
    changed = [*others, *views(lesson, *AUGMENTATIONS, count=1, seed=1), *views(other_pair, *AUGMENTATIONS, count=1)]
    assert different([first, *changed]) == 5


def test_works_at_the_size_of_any_encoder(lesson: PreparedLesson):
    small = replace(lesson, pixels=np.ascontiguousarray(lesson.pixels[::7, ::10]))

    assert {view.pixels.shape for view in views(small, *AUGMENTATIONS)} == {(32, 23, 3)}


def test_all_pairs_are_gathered_as_they_are_before_their_views(
    conse: Conse, drawings: NDArray[np.uint8], tmp_path: Path
):
    pairs = [PreparedLesson(f"{n:032x}", f"{n:064x}", drawings[n], f"{FLOWER} {n}", None) for n in range(3)]
    augmenting = Augmenting(("crop", "words"), 2, 0)
    told: list[int] = []

    uids = gather(conse, iter(pairs), tmp_path / "tokens", told.append, augmenting)

    lessons = read_gathered(tmp_path / "tokens", "cpu")
    assert (uids, told) == ([pair.uid for pair in pairs], [3])
    assert (len(lessons), lessons.views) == (3, 2)
    for view in range(3):
        seen = [augmenting.view(pair, view) if view else pair for pair in pairs]
        alone, image = conse.sides(np.stack([one.pixels for one in seen]), [one.caption for one in seen])
        rows = slice(3 * view, 3 * view + 3)
        torch.testing.assert_close(lessons.image[rows], image)
        torch.testing.assert_close(lessons.sides.text[rows], alone.text)
        torch.testing.assert_close(lessons.sides.cells[rows].float(), alone.cells, atol=1e-2, rtol=1e-3)
        assert counted(lessons.sides)[rows].tolist() == counted(alone).tolist()


def counted(sides: Sides) -> torch.Tensor:
    """How many tokens each caption has."""
    return sides.valid.sum(dim=1)
