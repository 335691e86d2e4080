"""Pictures and files made for the tests."""

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image


def gradient(width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """Return a picture whose channels, rows and columns all differ: (height, width, 3) RGB."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x * y) % 256], axis=2).astype(np.uint8)


def scene(seed: int, width: int = 512, height: int = 400) -> NDArray[np.uint8]:
    """Return smooth random colours with fine grain, like a photograph: (height, width, 3) RGB."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(coarse.astype(int) + rng.integers(-8, 9, coarse.shape), 0, 255).astype(np.uint8)


def encoded(picture: Image.Image | NDArray[Any], file_format: str, **options: Any) -> bytes:
    """Return the picture's file."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()
