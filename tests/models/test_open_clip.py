"""Encoders of open_clip against open_clip itself, from the bytes of a picture and a caption to their alignment."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from pairsift.config import PreprocessConfig, ScoreConfig
from pairsift.core.images import decode_image
from pairsift.core.records import Reason
from pairsift.models.clip_loading import find_clip_models, load_clip
from pairsift.models.device import resolve
from pairsift.models.pictures import fit_picture
from pairsift.models.scores import Scores
from tests.models.pillow import widths_first
from tests.models.tiny_clips import (
    BERT_POOLERS,
    FAMILIES,
    Architecture,
    clip,
    write_bert_clip,
    write_clip,
    write_model,
)

TINY = 4e-4
"""How far an alignment may be off in a tiny model: 64 numbers rounded to float16 make 1e-4 of it, and random weights
feel every level of a picture that Pillow rounds otherwise."""
CAPTIONS = ["A Chinese temple stands above a pond.", "An orange flower, in front of leaves", "!", "stone " * 100]


@pytest.fixture(scope="module")
def jpegs() -> list[bytes]:
    """Four pictures with detail at every scale, in three shapes."""
    generator = np.random.default_rng(11)
    files = []
    for width, height in ((200, 150), (90, 240), (64, 64), (31, 40)):
        layers = [generator.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (3, 9, 27)]
        drawn = [np.asarray(Image.fromarray(layer).resize((width, height)), np.float32) for layer in layers]
        file = io.BytesIO()
        Image.fromarray(np.mean(drawn, axis=0).astype(np.uint8)).save(file, "JPEG", quality=95)
        files.append(file.getvalue())
    return files


@pytest.fixture(autouse=True)
def pillow_of_old(monkeypatch: pytest.MonkeyPatch) -> None:
    widths_first(monkeypatch)


def score(encoder: str, jpegs: Sequence[bytes], captions: Sequence[str]) -> Scores:
    """Take pairs all the way that Pairsift takes them."""
    config = resolve(ScoreConfig(encoder=encoder, device="cpu", dtype="float32", batch_size=4))
    models = find_clip_models(config)
    pixels = np.stack([fit_picture(decoded(jpeg), models.clip.fit) for jpeg in jpegs])
    return load_clip(models, config).score(pixels, np.arange(len(jpegs)), captions)


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    pixels = decode_image(jpeg, PreprocessConfig())
    assert not isinstance(pixels, Reason)
    return pixels


@torch.inference_mode()
def ask_open_clip(
    model: str, jpegs: Sequence[bytes], captions: Sequence[str], weights: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Take pairs all the way that open_clip's README shows; return unit vectors of pictures and captions."""
    net, _, preprocess = open_clip.create_model_and_transforms(model, pretrained=weights)
    net.eval()
    pictures = torch.stack([preprocess(Image.open(io.BytesIO(jpeg))) for jpeg in jpegs])
    vectors = net.encode_image(pictures), net.encode_text(open_clip.get_tokenizer(model)(list(captions)))
    image, text = (torch.nn.functional.normalize(each.double(), dim=-1).numpy() for each in vectors)
    return image, text


def assert_same(scores: Scores, image: NDArray[np.float64], text: NDArray[np.float64], tolerance: float = TINY) -> None:
    assert cosines(scores.image_embedding, image).min() > 0.9999
    assert cosines(scores.text_embedding, text).min() > 0.9999
    np.testing.assert_allclose(scores.signals["pair.alignment"], (image * text).sum(axis=1), atol=tolerance, rtol=0)


def cosines(rounded: NDArray[np.float16], unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rounded vectors are not of unit length: sixteen numbers in float16 are off by up to 2e-4 of it."""
    vectors = rounded.astype(np.float64)
    cosines: NDArray[np.float64] = (vectors * unit).sum(axis=1) / np.linalg.norm(vectors, axis=1)
    return cosines


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_of_every_family_says_what_it_says_in_open_clip(family: str, jpegs: list[bytes], tmp_path: Path):
    folder = write_clip(tmp_path / "model", family)

    scores = score(f"open_clip:{folder}", jpegs, CAPTIONS)

    assert_same(scores, *ask_open_clip(f"local-dir:{folder}", jpegs, CAPTIONS))


@pytest.mark.parametrize("pooler", BERT_POOLERS)
def test_a_bert_reads_as_it_does_in_open_clip(pooler: str, jpegs: list[bytes], tmp_path: Path):
    folder = write_bert_clip(tmp_path / "model", pooler)

    scores = score(f"open_clip:{folder}", jpegs, CAPTIONS)

    assert_same(scores, *ask_open_clip(f"local-dir:{folder}", jpegs, CAPTIONS))


@pytest.mark.parametrize(
    "model",
    [
        clip({"width": 128, "head_width": 32}, {"width": 96, "heads": 3}),
        clip({"qk_norm": True, "scale_attn": True}, {"scale_fc": True}),
        clip({"ls_init_value": 0.1, "no_ln_pre": True, "pos_embed_type": "sin_cos_2d"}, {"ls_init_value": 0.1}),
        clip(text={"context_length": 5}),
        clip(text={"proj_type": "none"}),
    ],
    ids=["widths", "own_attention", "layer_scale", "short_context", "no_projection"],
)
def test_a_variant_of_clip_says_what_it_says_in_open_clip(model: Architecture, jpegs: list[bytes], tmp_path: Path):
    folder = write_model(tmp_path / "model", model)

    scores = score(f"open_clip:{folder}", jpegs, CAPTIONS)

    assert_same(scores, *ask_open_clip(f"local-dir:{folder}", jpegs, CAPTIONS))


def test_a_checkpoint_of_a_named_model_says_what_it_says_in_open_clip(jpegs: list[bytes], tmp_path: Path):
    checkpoint = tmp_path / "checkpoint.pt"
    torch.manual_seed(0)
    torch.save({"state_dict": open_clip.create_model("ViT-S-32-alt").state_dict()}, checkpoint)

    scores = score(f"open_clip:ViT-S-32-alt:{checkpoint}", jpegs, CAPTIONS)

    assert_same(scores, *ask_open_clip("ViT-S-32-alt", jpegs, CAPTIONS, str(checkpoint)), tolerance=1e-4)
