"""Perturbations of fixed strengths: a pair that a person would still call the same, to see how far scores move."""

import io
import re
from collections.abc import Callable, Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pairsift.core.planting import add_noise, blur, low_quality_jpeg

Pixels = NDArray[np.uint8]

CROPPED_SIDE = 3 / 4
"""Of each side is left by a crop: 56 % of the picture."""
TYPO_SHARE = 0.5
"""Of the words that are long enough has a typo."""

_WORD = re.compile(r"[^\W\d_]{4,}")


class Perturbation(StrEnum):
    """What is done to one side of a pair."""

    NOISE = "noise"
    BLUR = "blur"
    CROP = "crop"
    JPEG = "jpeg"
    TYPOS = "typos"


def crop(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Cut out three quarters of each side of a picture (h, w, 3), somewhere."""
    height, width = rgb.shape[:2]
    tall, wide = max(1, round(CROPPED_SIDE * height)), max(1, round(CROPPED_SIDE * width))
    top, left = (int(rng.integers(room + 1)) for room in (height - tall, width - wide))
    return np.ascontiguousarray(rgb[top : top + tall, left : left + wide])


def mistype(caption: str, rng: np.random.Generator) -> str:
    """Put a typo into about half of the words of four letters or more, and into one at least if there is one.

    Two neighbouring letters change places, or one is left out, or one comes twice; the first and the last stay.
    """
    words = list(_WORD.finditer(caption))
    chosen = rng.random(len(words)) < TYPO_SHARE
    if words and not chosen.any():
        chosen[rng.integers(len(words))] = True
    typed, end = [], 0
    for word in (word for word, is_chosen in zip(words, chosen, strict=True) if is_chosen):
        typed += [caption[end : word.start()], _slip(word[0], rng)]
        end = word.end()
    return "".join([*typed, caption[end:]])


IN_PICTURE: Mapping[Perturbation, Callable[[Pixels, np.random.Generator], Pixels]] = {
    Perturbation.NOISE: add_noise,
    Perturbation.BLUR: lambda rgb, _: blur(rgb),
    Perturbation.CROP: crop,
    Perturbation.JPEG: lambda rgb, _: _decoded(low_quality_jpeg(rgb)),
}
"""The perturbations of pictures (h, w, 3) uint8; noise, blur and JPEG as strong as the planted faults."""


def generator(seed: int, image_sha256: str) -> np.random.Generator:
    """Give the generator of a pair's perturbations: each begins with a new one, and depends on no other pair."""
    return np.random.default_rng([seed, int(image_sha256[:16], 16)])


def _slip(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(1, len(word) - 2))
    first, second, rest = word[at], word[at + 1], word[at + 2 :]
    slips = (second + first, second, first + first + second)
    return word[:at] + slips[int(rng.integers(len(slips)))] + rest


def _decoded(jpeg: bytes) -> Pixels:
    with Image.open(io.BytesIO(jpeg)) as picture:
        return np.array(picture)
