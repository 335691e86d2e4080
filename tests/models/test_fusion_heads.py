from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional

from pairsift.models.fusion_heads import FusionHead, HeadShape
from pairsift.models.scores import Sides

FEATURES, DIM = 24, 16


def sides(image: int, caption: int) -> Sides:
    """Two pairs of random tokens, those of each side by a seed of its own."""
    seen, read = (torch.Generator().manual_seed(seed) for seed in (image, 100 + caption))
    return Sides(
        torch.randn(2, FEATURES, generator=seen),
        torch.randn(2, 9, FEATURES, generator=seen),
        functional.normalize(torch.randn(2, DIM, generator=read), dim=-1),
        torch.randn(2, 5, DIM, generator=read),
        torch.tensor([[True] * 5, [True] * 3 + [False] * 2]),
        torch.zeros(2),
    )


def head(form: str, **changes: Any) -> FusionHead:
    torch.manual_seed(0)
    return FusionHead(replace(HeadShape(form, FEATURES, DIM, width=16), **changes)).eval()  # type: ignore[arg-type] # `form` comes from a test's table


def moved(made: FusionHead, before: Sides, after: Sides) -> float:
    return float((made(before)[0] - made(after)[0]).detach().abs().max())


@pytest.mark.parametrize("form", ["tokens", "concatenation"])
def test_another_image_moves_the_fused_vector(form: str):
    assert moved(head(form), sides(0, 0), sides(1, 0)) > 0.05


@pytest.mark.parametrize("form", ["tokens", "concatenation", "single"])
def test_another_caption_moves_the_fused_vector(form: str):
    assert moved(head(form), sides(0, 0), sides(0, 1)) > 0.05


def test_attention_over_one_vector_does_not_see_another_image():
    """The reference method's fusion, and what it says of the pair."""
    made = head("single", compares=False)

    torch.testing.assert_close(made(sides(0, 0)), made(sides(1, 0)))


def test_tokens_attend_to_each_other_not_to_the_mean_alone():
    """Cells that say the same in the mean, each with another of its words, are fused otherwise."""
    one = sides(0, 0)
    turned = replace(one, cells=one.cells.mean(dim=1, keepdim=True).expand(-1, 9, -1))

    assert moved(head("tokens"), one, turned) > 0.01


def test_padding_changes_nothing():
    one = sides(0, 0)
    words = one.words.clone()
    words[1, 3:] = 7.0

    torch.testing.assert_close(head("tokens")(one), head("tokens")(replace(one, words=words)))


def test_a_deeper_head_has_more_blocks():
    assert len(head("tokens", depth=3).fusion.blocks) == 3
    assert moved(head("tokens", depth=3), sides(0, 0), sides(1, 0)) > 0.01


@pytest.mark.parametrize("form", ["tokens", "concatenation", "single"])
def test_gives_unit_vectors_and_probabilities(form: str):
    fused, match = head(form)(sides(0, 0))

    torch.testing.assert_close(fused.norm(dim=-1), torch.ones(2))
    assert ((match > 0) & (match < 1)).all()


def test_a_higher_temperature_is_less_certain():
    made = head("tokens")
    before = made(sides(0, 0))[1]
    made.temperature.fill_(2.0)

    torch.testing.assert_close(torch.logit(made(sides(0, 0))[1]), torch.logit(before) / 2)


def test_the_encoder_s_own_cosine_counts_where_the_head_compares():
    one = sides(0, 0)
    aligned = replace(one, alignment=torch.ones(2))

    torch.testing.assert_close(
        torch.logit(head("tokens")(aligned)[1]) - torch.logit(head("tokens")(one)[1]), torch.full((2,), 5.0)
    )
    torch.testing.assert_close(head("tokens", compares=False)(aligned)[1], head("tokens", compares=False)(one)[1])
