"""The image.* signals: what can be measured of a picture without its caption."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from pairsift.core.images import resize
from pairsift.core.records import SignalValue

_SHORT_SIDE_PX = 256
_MAX_LONG_SIDE_PX = 8 * _SHORT_SIDE_PX
"""A picture more than 8 times as long as wide is squeezed to this, so that the copy's memory is bounded."""
_HASH_SIDE_PX = 32


def image_signals(rgb: NDArray[np.uint8], file_bytes: int) -> dict[str, SignalValue]:
    """Measure every image.* signal of a picture: (h, w, 3) uint8 RGB, from a file of so many bytes.

    All but size and chroma are measured on a grey copy with a short side of 256 px, smaller pictures enlarged, so that
    the values of pictures of all sizes compare: an enlarged thumbnail is as blurred as it looks.
    """
    height, width = rgb.shape[:2]
    copy = _grey_copy(rgb)
    mean, deviation = cv2.meanStdDev(copy)
    counts = cv2.calcHist([copy], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    below = counts.cumsum()
    return {
        "image.width": width,
        "image.height": height,
        "image.aspect_ratio": max(width, height) / min(width, height),
        "image.bytes": file_bytes,
        "image.sharpness": _sharpness(copy),
        "image.brightness": float(mean[0, 0]) / 255,
        "image.brightness_p5": _percentile(below, 0.05) / 255,
        "image.brightness_p99": _percentile(below, 0.99) / 255,
        "image.contrast": float(deviation[0, 0]) / 255,
        "image.entropy": _entropy(counts),
        "image.chroma": _chroma(rgb),
        "image.phash": _perceptual_hash(copy),
    }


def _grey_copy(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    scale = _SHORT_SIDE_PX / min(width, height)
    size = (min(round(width * scale), _MAX_LONG_SIDE_PX), min(round(height * scale), _MAX_LONG_SIDE_PX))
    return resize(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8), size)


def _sharpness(grey: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian (Pech-Pacheco et al., 2000), in 16-bit integers: exact.

    So are its squares in float32, being below 2^24, and OpenCV's sums in float64; its own deviation of 16-bit integers
    takes twice as long.
    """
    edges = cv2.Laplacian(grey, cv2.CV_16S)
    squares = edges.astype(np.float32)
    squares *= squares
    mean, mean_square = (cv2.sumElems(values)[0] * (1 / grey.size) for values in (edges, squares))
    return math.sqrt(max(mean_square - mean * mean, 0.0)) ** 2


def _percentile(below: NDArray[np.float64], share: float) -> int:
    """Return the lowest grey level that at least a share of the pixels does not exceed; (256,) say how many do not."""
    return int(np.searchsorted(below, share * below[-1]))


def _entropy(counts: NDArray[np.float64]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return max(0.0, float(-(shares * np.log2(shares)).sum()))


def _chroma(rgb: NDArray[np.uint8]) -> float:
    """Average the spread of a pixel's channels over every k-th pixel of every k-th row: large pictures cost no more.

    Pixels are taken as they are: averaging neighbours would make red and cyan grey.
    """
    step = max(1, min(rgb.shape[:2]) // _SHORT_SIDE_PX)
    red, green, blue = cv2.split(rgb if step == 1 else _every(rgb, step))
    spread = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    return float(cv2.mean(spread)[0]) / 255


def _every(rgb: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Take every k-th pixel of every k-th row, three bytes at a time: whole pixels are copied faster than channels."""
    whole = np.ascontiguousarray(rgb[::step]).view("V3")[:, ::step]
    return np.ascontiguousarray(whole).view(np.uint8).reshape(*whole.shape[:2], 3)


def _perceptual_hash(grey: NDArray[np.uint8]) -> str:
    """Hash the picture's coarse structure (Zauner, 2010) in ImageHash's bit order: by rows, the first bit highest."""
    small = resize(grey, (_HASH_SIDE_PX, _HASH_SIDE_PX)).astype(np.float32)
    lowest = cv2.dct(small)[:8, :8]
    ranked = np.sort(lowest, axis=None)
    median = (ranked[31] + ranked[32]) / 2  # np.median takes 30 µs
    return np.packbits(lowest > median).tobytes().hex()
