"""Pictures brought to the size that an encoder takes, as open_clip does it at three times the cost."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pairsift.core.images import Fit, resize

Pixels = NDArray[np.uint8]


def fit_picture(rgb: Pixels, fit: Fit) -> Pixels:
    """Bring a picture (h, w, 3) uint8 RGB to (fit.height, fit.width, 3) uint8.

    Sizes, rounding and crop are open_clip's and torchvision's. Bicubic and bilinear are antialiased and differ from
    Pillow's by one level of 255 at most, 0.007 in the mean.
    """
    if fit.kernel == "area":
        return resize(rgb, (fit.width, fit.height))
    if fit.mode == "squeeze":
        return _scale(rgb, fit.height, fit.width, fit.kernel)
    scaled = _scale(rgb, *_scaled_size(rgb.shape[0], rgb.shape[1], fit), fit.kernel)
    return _centre(scaled, fit) if fit.mode == "crop" else _pad(scaled, fit)


def _scaled_size(height: int, width: int, fit: Fit) -> tuple[int, int]:
    """Size a picture so that it covers the encoder's square (torchvision's Resize), or lies in it (ResizeKeepRatio)."""
    if fit.mode == "crop" and fit.height == fit.width:
        short = fit.height
        if height <= width:
            return short, int(short * width / height)
        return int(short * height / width), short
    ratios = (height / fit.height, width / fit.width)
    ratio = min(ratios) if fit.mode == "crop" else max(ratios)
    return round(height / ratio), round(width / ratio)


def _scale(rgb: Pixels, height: int, width: int, kernel: str) -> Pixels:
    if rgb.shape[:2] == (height, width):
        return rgb
    # A copy where the array is read-only or turned: torch warns about the first and cannot take the second.
    whole = rgb if rgb.flags.writeable and rgb.flags.c_contiguous else rgb.copy()
    planes = torch.from_numpy(whole).permute(2, 0, 1)[None]
    scaled = functional.interpolate(planes, (height, width), mode=kernel, antialias=True)
    return scaled[0].permute(1, 2, 0).contiguous().numpy()


def _centre(rgb: Pixels, fit: Fit) -> Pixels:
    height, width = rgb.shape[:2]
    top, left = round((height - fit.height) / 2), round((width - fit.width) / 2)
    return np.ascontiguousarray(rgb[top : top + fit.height, left : left + fit.width])


def _pad(rgb: Pixels, fit: Fit) -> Pixels:
    height, width = min(rgb.shape[0], fit.height), min(rgb.shape[1], fit.width)
    top, left = math.floor((fit.height - height) / 2), math.floor((fit.width - width) / 2)
    padded = np.full(fit.shape, fit.fill, np.uint8)
    padded[top : top + height, left : left + width] = rgb[:height, :width]
    return padded
