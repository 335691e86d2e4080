"""Pictures brought to the size that an encoder takes, as open_clip does it at three times the cost."""

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from pairsift.core.images import Fit, resize

Pixels = NDArray[np.uint8]


_KERNELS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
_LONG = 16
"""Pictures longer than this many of their own widths are not scaled whole before they are cropped: a line of 1 × 10⁶
pixels would become 224 × 224·10⁶."""


def fit_picture(rgb: Pixels, fit: Fit) -> Pixels:
    """Bring a picture (h, w, 3) uint8 RGB to (fit.height, fit.width, 3) uint8.

    Sizes, rounding and crop are open_clip's and torchvision's. Bicubic and bilinear are antialiased and differ from
    Pillow's by two levels of 255 at most, 0.007 in the mean of a photograph: from Pillow's before 13, that is, which
    models were trained with. Since then it scales heights first where they shrink more than widths.
    """
    if fit.kernel == "area":
        return resize(rgb, (fit.width, fit.height))
    if fit.mode == "squeeze":
        return _scale(rgb, fit.height, fit.width, fit.kernel)
    height, width = _scaled_size(rgb.shape[0], rgb.shape[1], fit)
    if fit.mode == "pad":
        return _pad(_scale(rgb, height, width, fit.kernel), fit)
    # Where the size is no square, open_clip forgets the kernel.
    kernel = fit.kernel if fit.height == fit.width else "bicubic"
    if max(height / fit.height, width / fit.width) > _LONG:
        return _scale_centre(rgb, height, width, fit, _KERNELS[kernel])
    return _centre(_scale(rgb, height, width, kernel), fit)


def _scaled_size(height: int, width: int, fit: Fit) -> tuple[int, int]:
    """Size a picture so that it covers the encoder's square (torchvision's Resize), or lies in it (ResizeKeepRatio)."""
    if fit.mode == "crop" and fit.height == fit.width:
        short = fit.height
        if height <= width:
            return short, int(short * width / height)
        return int(short * height / width), short
    ratios = (height / fit.height, width / fit.width)
    ratio = min(ratios) if fit.mode == "crop" else max(ratios)
    return max(1, round(height / ratio)), max(1, round(width / ratio))  # open_clip fails where a side comes to nothing


def _scale(rgb: Pixels, height: int, width: int, kernel: str) -> Pixels:
    if rgb.shape[:2] == (height, width):
        return rgb
    # A copy where the array is read-only or turned: torch warns about the first and cannot take the second.
    whole = rgb if rgb.flags.writeable and rgb.flags.c_contiguous else rgb.copy()
    planes = torch.from_numpy(whole).permute(2, 0, 1)[None]
    scaled = functional.interpolate(planes, (height, width), mode=kernel, antialias=True)
    # The planes come one behind the other; torch takes seven times as long to weave them.
    return np.asarray(cv2.merge(list(scaled[0].numpy())), dtype=np.uint8)


def _scale_centre(rgb: Pixels, height: int, width: int, fit: Fit, kernel: Image.Resampling) -> Pixels:
    """Scale what the centre of a picture of (height, width) is made of, by Pillow, which takes fractions of pixels."""
    top, left = _corner(height, width, fit)
    down, across = rgb.shape[0] / height, rgb.shape[1] / width
    reach = 2 * max(down, 1) + 1  # a bicubic kernel's
    first = max(math.floor(top * down - reach), 0)
    rows = rgb[first : math.ceil((top + fit.height) * down + reach)]
    right = min((left + fit.width) * across, rgb.shape[1])
    bottom = min((top + fit.height) * down - first, rows.shape[0])
    narrow = Image.fromarray(rows).resize((fit.width, rows.shape[0]), kernel, (left * across, 0, right, rows.shape[0]))
    box = (0, top * down - first, fit.width, bottom)
    return np.array(narrow.resize((fit.width, fit.height), kernel, box))


def _centre(rgb: Pixels, fit: Fit) -> Pixels:
    top, left = _corner(rgb.shape[0], rgb.shape[1], fit)
    return np.ascontiguousarray(rgb[top : top + fit.height, left : left + fit.width])


def _corner(height: int, width: int, fit: Fit) -> tuple[int, int]:
    return round((height - fit.height) / 2), round((width - fit.width) / 2)


def _pad(rgb: Pixels, fit: Fit) -> Pixels:
    height, width = min(rgb.shape[0], fit.height), min(rgb.shape[1], fit.width)
    top, left = math.floor((fit.height - height) / 2), math.floor((fit.width - width) / 2)
    padded = np.full(fit.shape, fit.fill, np.uint8)
    padded[top : top + height, left : left + width] = rgb[:height, :width]
    return padded
