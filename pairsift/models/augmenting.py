"""Augmented views of pairs that a head learns from: the picture as the encoder takes it, changed by torchvision."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # it ships no types
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from pairsift.config import Augmentation
from pairsift.core.augmenting import leave_out_words, names_a_side
from pairsift.core.preprocessing import PreparedLesson

LEAST_AREA = 0.5
"""Of a picture is left by a crop."""
LEAST_ASPECT = 3 / 4
COLOUR = 0.3
"""Brightness, contrast and saturation are multiplied by 1 ± so much."""
BLUR_SIGMA = (0.3 / 224, 2.5 / 224)
"""As shares of a picture's short side."""
JPEG_QUALITY = (20, 90)
CHANCE = 0.5
"""Of blur, and of JPEG, in a view that may have it: else no view would be sharp."""

Change = Callable[[torch.Tensor, np.random.Generator], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Augmenting:
    """How many views every pair has besides itself, what may be changed in them, and the seed that says how."""

    kinds: Sequence[Augmentation]
    views: int
    seed: int

    def view(self, lesson: PreparedLesson, number: int) -> PreparedLesson:
        """Give a view of a pair; it depends on the pair's content, its number and the seed alone."""
        rng = np.random.default_rng([self.seed, number, int(lesson.uid, 16)])
        picture = torch.from_numpy(lesson.pixels.copy()).permute(2, 0, 1)
        mirrored = not names_a_side(lesson.caption)
        for kind, change in _CHANGES.items():
            if kind in self.kinds and (kind != "flip" or mirrored):
                picture = change(picture, rng)
        caption = leave_out_words(lesson.caption, rng) if "words" in self.kinds else lesson.caption
        return replace(lesson, pixels=picture.permute(1, 2, 0).contiguous().numpy(), caption=caption)


def _crop(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Cut out a part, and bring it to the size of the whole, which changes its aspect ratio a little."""
    height, width = picture.shape[1:]
    area, aspect = rng.uniform(LEAST_AREA, 1), math.exp(rng.uniform(math.log(LEAST_ASPECT), -math.log(LEAST_ASPECT)))
    tall = min(height, round(height * math.sqrt(area / aspect)))
    wide = min(width, round(width * math.sqrt(area * aspect)))
    top, left = (int(rng.integers(room + 1)) for room in (height - tall, width - wide))
    cut: torch.Tensor = functional.resized_crop(
        picture, top, left, tall, wide, [height, width], InterpolationMode.BILINEAR, antialias=True
    )
    return cut


def _flip(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    mirrored: torch.Tensor = functional.horizontal_flip(picture)
    return mirrored if rng.random() < CHANCE else picture


def _colour(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    brightness, contrast, saturation = rng.uniform(1 - COLOUR, 1 + COLOUR, 3)
    lit = functional.adjust_contrast(functional.adjust_brightness(picture, brightness), contrast)
    coloured: torch.Tensor = functional.adjust_saturation(lit, saturation)
    return coloured


def _blur(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    sigma = min(picture.shape[1:]) * rng.uniform(*BLUR_SIGMA)
    if rng.random() >= CHANCE:
        return picture
    blurred: torch.Tensor = functional.gaussian_blur(picture, [2 * math.ceil(3 * sigma) + 1] * 2, [sigma, sigma])
    return blurred


def _jpeg(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Encode and decode; torchvision's own is deprecated since 0.29."""
    quality = int(rng.integers(*JPEG_QUALITY))
    if rng.random() >= CHANCE:
        return picture
    encoded = simplejpeg.encode_jpeg(picture.permute(1, 2, 0).contiguous().numpy(), quality)
    return torch.from_numpy(simplejpeg.decode_jpeg(encoded, colorspace="RGB")).permute(2, 0, 1)


_CHANGES: Mapping[Augmentation, Change] = {
    "crop": _crop,
    "flip": _flip,
    "colour": _colour,
    "blur": _blur,
    "jpeg": _jpeg,
}
"""In the order in which a picture would come by them."""
