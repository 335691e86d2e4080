from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image  # type: ignore[import-untyped]  # it ships no stubs

from pairsift.config import ScoreConfig
from pairsift.models.conse import Conse
from pairsift.models.conse_loading import find_conse, load_conse
from pairsift.models.device import limit_threads, resolve

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """As in a run, so that no bits depend on what else is in a pass; two threads also wait for each other if one must.

    Products as small as those of a made head take ten times as long by two threads beside other work.
    """
    threads = torch.get_num_threads()
    limit_threads(1)
    yield
    limit_threads(threads)


@pytest.fixture(scope="session")
def config() -> ScoreConfig:
    return resolve(ScoreConfig(device="cpu", dtype="float32", batch_size=4))


@pytest.fixture(scope="session")
def conse(config: ScoreConfig) -> Conse:
    return load_conse(find_conse(config), config)


@pytest.fixture(scope="session")
def conse_bfloat16(config: ScoreConfig) -> Conse:
    other = config.model_copy(update={"dtype": "bfloat16"})
    return load_conse(find_conse(other), other)


@pytest.fixture(scope="session")
def photographs() -> Pixels:
    """A Chinese temple and a flower, (2, 224, 224, 3)."""
    pictures = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    return np.stack([cv2.resize(picture, (224, 224), interpolation=cv2.INTER_AREA) for picture in pictures])


@pytest.fixture(scope="session")
def drawings() -> Pixels:
    """Seven made pictures of smooth noise, (7, 224, 224, 3)."""
    coarse = np.random.default_rng(7).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)
    return np.stack([cv2.resize(picture, (224, 224), interpolation=cv2.INTER_LINEAR) for picture in coarse])


@pytest.fixture(scope="session")
def captions() -> Sequence[str]:
    """Seven captions: four bucket lengths, two of them filling theirs, one said twice."""
    return [
        "a cat",
        "two dogs run along a beach at low tide",
        "a red bicycle leans against the wall of an old house while the rain falls on the street",
        "one two three four five six",
        "a cat",
        "a bridge over a river",
        "stone " * 40,
    ]
