"""A tiny open_clip model of random weights, and its int8 towers made of the sample."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from open_clip.model import CLIP

from pairsift.config import RunConfig, ScoreConfig
from pairsift.quantising import quantise

SAMPLE = Path(__file__).parents[1] / "examples" / "sample" / "shards"
ARCHITECTURE = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2},
}


@dataclass(frozen=True)
class Int8Clip:
    """An encoder's name, and the storage that holds its int8 towers."""

    encoder: str
    storage: Path


def write_tiny_clip(folder: Path) -> str:
    """Write the model into a folder; return its encoder's name."""
    folder.mkdir(parents=True)
    config = {"model_cfg": ARCHITECTURE, "preprocess_cfg": {"size": 32}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    torch.save(CLIP(**ARCHITECTURE).state_dict(), folder / "open_clip_pytorch_model.bin")
    return f"open_clip:{folder}"


def make_int8(folder: Path) -> Int8Clip:
    """Quantise the model on the sample, into a storage below `folder`."""
    made = Int8Clip(write_tiny_clip(folder / "tiny-clip"), folder / "storage")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PAIRSIFT_STORAGE", str(made.storage))
        outcome = quantise(str(SAMPLE), RunConfig(score=ScoreConfig(encoder=made.encoder)), 80, 0.8)
    assert outcome.switched_on
    return made
