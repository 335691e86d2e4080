"""A tiny open_clip model of random weights, and its int8 towers made of the sample."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pairsift.config import RunConfig, ScoreConfig
from pairsift.quantising import quantise
from tests.models.tiny_clips import write_clip

SAMPLE = Path(__file__).parents[1] / "examples" / "sample" / "shards"


@dataclass(frozen=True)
class Int8Clip:
    """An encoder's name, and the storage that holds its int8 towers."""

    encoder: str
    storage: Path


def make_int8(folder: Path) -> Int8Clip:
    """Quantise the model on the sample, into a storage below `folder`."""
    made = Int8Clip(f"open_clip:{write_clip(folder / 'tiny-clip', 'vit')}", folder / "storage")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PAIRSIFT_STORAGE", str(made.storage))
        outcome = quantise(str(SAMPLE), RunConfig(score=ScoreConfig(encoder=made.encoder)), 80, 0.8)
    assert outcome.switched_on
    return made
