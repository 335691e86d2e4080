"""Training on made pairs, small enough for seconds: what is learnt, where it goes on, and how it is judged."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch.nn import functional

from pairsift.errors import SourceError
from pairsift.models.fusion_heads import FusionHead, HeadShape, load_head
from pairsift.models.fusion_judging import reliability, split
from pairsift.models.fusion_training import Lessons, Progress, Recipe, begin, fit_temperature, match, train
from pairsift.models.head_fitting import Fitting, fit_head, write_head
from pairsift.models.scores import Sides
from pairsift.models.trained import Trained

pytestmark = pytest.mark.usefixtures("one_thread")

PAIRS, FEATURES, DIM = 300, 12, 16
RECIPE = Recipe(epochs=3, batch=32, cells=4)


def made_tensors(groups: int = PAIRS) -> dict[str, torch.Tensor]:
    """Pairs whose cells say of the caption what the encoder's own vector does not."""
    generator = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    pooled = noise(PAIRS, FEATURES)
    text = functional.normalize(
        functional.normalize(pooled @ noise(FEATURES, DIM), dim=-1) + 0.15 * noise(PAIRS, DIM), dim=-1
    )
    image = functional.normalize(0.3 * text + functional.normalize(noise(PAIRS, DIM), dim=-1), dim=-1)
    return {
        "pooled": pooled,
        "cells": (pooled[:, None] + 0.3 * noise(PAIRS, 6, FEATURES)).half(),
        "text": text,
        "words": (text[:, None] + 0.1 * noise(PAIRS, 5, DIM)).half(),
        "valid": torch.ones(PAIRS, 5, dtype=torch.bool),
        "alignment": (image * text).sum(dim=-1),
        "image": image,
        "groups": torch.arange(PAIRS) % groups,
    }


def lessons_of(tensors: dict[str, torch.Tensor]) -> Lessons:
    names = ("pooled", "cells", "text", "words", "valid", "alignment")
    return Lessons(Sides(*(tensors[name] for name in names)), tensors["image"], tensors["groups"].numpy())


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    return lessons_of(made_tensors())


@pytest.fixture(scope="module")
def viewed(lessons: Lessons) -> Lessons:
    """The same pairs with two views each, whose pictures and captions are a little off."""
    generator = torch.Generator().manual_seed(1)

    def with_views(part: torch.Tensor, name: str) -> torch.Tensor:
        if name == "valid":
            return part.repeat(3, 1)
        off = [(part + 0.2 * torch.randn(part.shape, generator=generator)).to(part.dtype) for _ in range(2)]
        return torch.cat([part, *off])

    sides = Sides(**{field.name: with_views(getattr(lessons.sides, field.name), field.name) for field in fields(Sides)})
    return Lessons(sides, with_views(lessons.image, "image"), lessons.groups)


@pytest.fixture
def fitting(tmp_path: Path) -> Fitting:
    safetensors.torch.save_file(made_tensors(), tmp_path / "tokens")
    return Fitting(tmp_path / "tokens", tmp_path / "checkpoint.pt", tmp_path / "weights", "tokens", 1, RECIPE, "cpu")


def ignore(progress: Progress) -> None:
    """Take no notice of progress."""


def curve(lessons: Lessons, recipe: Recipe, state: dict[str, Any] | None = None) -> list[dict[str, float]]:
    parts = split(lessons, 0)
    head = begin(lessons, parts.training, HeadShape("tokens", FEATURES, DIM, width=16), recipe.seed)
    return list(train(lessons, parts, head, recipe, state))[-1].curve


def test_no_group_is_on_two_sides():
    alike = lessons_of(made_tensors(groups=100))
    parts = split(alike, 0)

    sides = [set(alike.groups[rows].tolist()) for rows in (parts.training, parts.stopping.rows, parts.judging.rows)]

    assert sum(map(len, sides)) == len(set().union(*sides)) == 100
    tried = np.repeat(alike.groups[parts.hard.rows][:, None], parts.hard.partners.shape[1], axis=1)
    assert (alike.groups[parts.hard.partners] != tried)[parts.hard.partners >= 0].all()


def test_a_hard_negative_is_the_most_alike_caption_of_the_part(lessons: Lessons):
    parts = split(lessons, 0)
    rows, text = parts.hard.rows, lessons.sides.text.numpy()
    likeness = text[rows] @ text[rows].T
    np.fill_diagonal(likeness, -1)

    assert (parts.hard.partners[:, 0] == rows[likeness.argmax(axis=1)]).all()


def test_learns_what_the_encoder_s_own_cosine_does_not_say(fitting: Fitting):
    fitted = fit_head(fitting, ignore)

    assert fitted.metrics["auc_swapped_low"] > fitted.metrics["z_swapped"]
    assert fitted.metrics["head_over_z_swapped_low"] > 0
    assert fitted.metrics["trained_on"] + 2 * fitted.metrics["judged_on"] == PAIRS
    assert len(fitted.curve) == fitted.metrics["epochs"] == 3


@pytest.mark.parametrize("which", ["lessons", "viewed"])
def test_goes_on_from_its_last_checkpoint_to_the_same_end(which: str, request: pytest.FixtureRequest):
    lessons = request.getfixturevalue(which)
    parts = split(lessons, 0)
    head = begin(lessons, parts.training, HeadShape("tokens", FEATURES, DIM, width=16), 0)
    stopped = next(train(lessons, parts, head, RECIPE)).state

    assert curve(lessons, RECIPE, stopped) == curve(lessons, RECIPE)


def test_a_checkpoint_on_disk_is_gone_on_from(fitting: Fitting):
    told: list[int] = []
    whole = fit_head(fitting, lambda progress: told.append(progress.epoch))
    again = fit_head(fitting, lambda progress: told.append(-progress.epoch))

    assert told == [1, 2, 3]
    assert again == whole


def test_another_seed_learns_otherwise(lessons: Lessons):
    assert curve(lessons, RECIPE) != curve(lessons, replace(RECIPE, seed=1))


def test_learns_from_the_views_of_the_pairs_to_train_on_and_is_judged_by_no_view(lessons: Lessons, viewed: Lessons):
    """Views of the pairs held out may be anything."""
    parts = split(lessons, 0)
    held_out = np.setdiff1d(np.arange(PAIRS), parts.training)
    rows = np.concatenate([held_out + PAIRS * view for view in (1, 2)])
    spoilt = Lessons(spoil(viewed.sides, rows), spoil(viewed.image, rows), viewed.groups)

    assert curve(spoilt, RECIPE) == curve(viewed, RECIPE) != curve(lessons, RECIPE)


def spoil(part: Any, rows: np.ndarray) -> Any:
    """Put ones into rows of a tensor, or of all tensors of sides."""
    if isinstance(part, Sides):
        return Sides(**{field.name: spoil(getattr(part, field.name), rows) for field in fields(Sides)})
    changed = part.clone()
    changed[rows] = torch.ones_like(changed[rows])
    return changed


def test_every_block_of_a_deeper_head_learns(lessons: Lessons):
    parts = split(lessons, 0)
    head = begin(lessons, parts.training, HeadShape("tokens", FEATURES, DIM, width=16, depth=3), 0)
    before = [block.attention.in_proj_weight.detach().clone() for block in head.fusion.blocks]

    progress = list(train(lessons, parts, head, RECIPE))[-1]

    assert progress.best_auc > 0.8
    assert all(
        (block.attention.in_proj_weight != was).any() for block, was in zip(head.fusion.blocks, before, strict=True)
    )


def test_ends_when_held_out_auc_no_longer_rises(lessons: Lessons):
    ended = curve(lessons, replace(RECIPE, epochs=40, patience=1, rate=0.0))

    assert (
        len(ended) == 3
    )  # the first is the best of equal ones; one more may be waited for, and one shows that it was in vain


def test_a_head_s_file_says_what_the_head_in_memory_says(fitting: Fitting, tmp_path: Path):
    fitted = fit_head(fitting, ignore)
    write_head(
        fitting.weights, {"space": "s", "encoder": "e", "shape": dict(fitted.shape), "facts": {}}, tmp_path / "head"
    )

    head = load_head(Trained("fusion", "h", tmp_path / "head", "", fitted.shape, {}), "cpu")

    assert isinstance(head, FusionHead)
    assert float(head.temperature) == pytest.approx(fitted.metrics["temperature"], abs=1e-4)
    lessons, rows = lessons_of(made_tensors()), np.arange(20)
    said = torch.logit(head(lessons_sides(lessons, rows))[1]) * head.temperature
    np.testing.assert_allclose(said.numpy(), match(head, lessons, rows, rows), atol=1e-3)


def lessons_sides(lessons: Lessons, rows: np.ndarray) -> Sides:
    sides = lessons.sides
    return Sides(
        sides.pooled[rows],
        sides.cells[rows].float(),
        sides.text[rows],
        sides.words[rows].float(),
        sides.valid[rows],
        sides.alignment[rows],
    )


def test_too_few_pairs_that_are_unlike_are_refused(fitting: Fitting):
    safetensors.torch.save_file(made_tensors(groups=60), fitting.tokens)

    with pytest.raises(SourceError, match=r"60 pairs are not alike, and at least 120 are needed"):
        fit_head(fitting, ignore)


def test_the_temperature_makes_overconfident_logits_likelier():
    """Logits of ±8 of which a fifth is wrong: of those that say so, 4 in 5 belong together, log 4 = 1.386."""
    own, swapped = np.array([8.0] * 4 + [-8.0]), np.array([-8.0] * 4 + [8.0])

    assert fit_temperature(own, swapped) == pytest.approx(8 / np.log(4), rel=0.02)


def test_reliability_holds_what_is_said_against_what_is_true():
    """Where 0.85 is said, three of four matched pairs are and one of four swapped: 3/4 is true; where 0.15, 1/4."""
    high, low = np.log(0.85 / 0.15), np.log(0.15 / 0.85)

    error, bins = reliability(np.array([high, high, high, low]), np.array([high, low, low, low]), 1.0)

    assert [round(each["said"], 6) for each in bins] == [0.15, 0.85]
    assert [each["true"] for each in bins] == [pytest.approx(0.25), pytest.approx(0.75)]
    assert error == pytest.approx(0.1)
