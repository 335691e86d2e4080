"""What a tower makes of one patch or token, which fusion works on; `test_open_clip` has the vectors of the whole."""

from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from torch.nn import functional

from pairsift.models.towers import ImageTower, Pair, TextTower
from tests.models.tiny_clips import BERT_POOLERS, FAMILIES, write_bert_clip, write_clip

HALF = (0.5, 0.5, 0.5)


def see(folder: Path) -> tuple[Any, Pair, torch.Tensor]:
    """Let a model's image tower see two pictures; return it, what it says, and the pictures as it gets them."""
    net = open_clip.create_model(f"local-dir:{folder}").eval()
    height, width = open_clip.model.to_2tuple(net.visual.image_size)
    generator = torch.Generator().manual_seed(8)
    pixels = torch.randint(0, 256, (2, height, width, 3), dtype=torch.uint8, generator=generator)
    return net.visual, ImageTower(net.visual, HALF, HALF)(pixels), (pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5


@torch.inference_mode()
@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_and_tokens_of_pictures_are_of_unit_length_and_one_width(family: str, tmp_path: Path):
    _, (vectors, tokens), _ = see(write_clip(tmp_path / "model", family))

    assert tokens.ndim == 3
    assert tokens.shape[2] == vectors.shape[1]
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(2))
    torch.testing.assert_close(tokens.norm(dim=-1), torch.ones(tokens.shape[:2]))


@torch.inference_mode()
def test_a_token_of_a_vision_transformer_is_its_projection_of_one_patch(tmp_path: Path):
    visual, (_, tokens), pixels = see(write_clip(tmp_path / "model", "vit"))

    visual.output_tokens = True
    _, patches = visual(pixels)

    torch.testing.assert_close(tokens, functional.normalize(patches @ visual.proj, dim=-1))


@torch.inference_mode()
def test_tokens_are_normed_where_the_norm_comes_after_pooling(tmp_path: Path):
    visual, (_, tokens), pixels = see(write_clip(tmp_path / "model", "average_pool"))

    patches = visual.transformer(visual._embeds(pixels))[:, 1:]  # noqa: SLF001 - its own part

    torch.testing.assert_close(tokens, functional.normalize(visual.ln_post(patches) @ visual.proj, dim=-1))


@torch.inference_mode()
@pytest.mark.parametrize("family", ["linear_head", "mlp_head"])
def test_a_token_of_a_network_of_timm_is_its_heads_projection_of_one_patch(tmp_path: Path, family: str):
    visual, (_, tokens), pixels = see(write_clip(tmp_path / "model", family))

    patches = visual.trunk.forward_features(pixels)[:, 1:]

    torch.testing.assert_close(tokens, functional.normalize(visual.head(patches), dim=-1))


@torch.inference_mode()
def test_a_token_is_normed_before_the_networks_own_head_where_the_mean_is(tmp_path: Path):
    visual, (_, tokens), pixels = see(write_clip(tmp_path / "model", "eva"))
    trunk = visual.trunk

    patches = trunk.forward_features(pixels)[:, 1:]

    torch.testing.assert_close(tokens, functional.normalize(trunk.head(trunk.fc_norm(patches)), dim=-1))


@torch.inference_mode()
def test_a_token_of_a_resnet_is_what_its_pool_makes_of_one_cell(tmp_path: Path):
    visual, (_, tokens), pixels = see(write_clip(tmp_path / "model", "resnet"))
    pool = visual.attnpool

    cells = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(pixels)))))

    corner = pool.c_proj(pool.v_proj(cells[:, :, 0, 1]))
    torch.testing.assert_close(tokens[:, 1], functional.normalize(corner, dim=-1))


@torch.inference_mode()
@pytest.mark.parametrize("family", ["siglip", "convolutions"])
def test_where_nothing_projects_a_patch_a_picture_is_its_own_only_token(tmp_path: Path, family: str):
    """SigLIP's patches are as wide as its vectors, but only attention leads from the ones to the others."""
    _, (vectors, tokens), _ = see(write_clip(tmp_path / "model", family))

    torch.testing.assert_close(tokens, vectors[:, None])


@torch.inference_mode()
@pytest.mark.parametrize("family", ["vit", "siglip", "coca", "first_pool", *BERT_POOLERS])
def test_vectors_and_tokens_of_captions_are_of_unit_length_one_a_token(family: str, tmp_path: Path):
    folder = tmp_path / "model"
    write = write_bert_clip if family in BERT_POOLERS else write_clip
    net = open_clip.create_model(f"local-dir:{write(folder, family)}").eval()
    ids = open_clip.get_tokenizer(f"local-dir:{folder}")(["a cat", "old house, red bicycle"])

    vectors, tokens = TextTower(net)(ids)

    assert tokens.shape == (2, ids.shape[1], vectors.shape[1])
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(2))
    torch.testing.assert_close(tokens.norm(dim=-1), torch.ones(tokens.shape[:2]))


@torch.inference_mode()
def test_the_vector_of_a_caption_is_the_token_it_is_pooled_from(tmp_path: Path):
    folder = write_clip(tmp_path / "model", "vit")
    ids = open_clip.get_tokenizer(f"local-dir:{folder}")(["a cat"])

    vectors, tokens = TextTower(open_clip.create_model(f"local-dir:{folder}").eval())(ids)

    torch.testing.assert_close(vectors, tokens[:, 3])
