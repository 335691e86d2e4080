"""Small pictures to look at: decoded as any stranger's picture, and encoded anew, so that none of its bytes stay."""

import cv2
import numpy as np
import numpy.typing as npt

from pairsift.config import PreprocessConfig
from pairsift.core.images import decode_image, resize
from pairsift.core.records import Reason

SIDE = 240
"""Longer side, px: sharp where it is shown at half of that on a dense screen."""
MOST_BYTES = 20_000
QUALITIES = (82, 70, 55, 40, 25)


def make_thumbnail(data: bytes | None, config: PreprocessConfig) -> bytes | Reason:
    """Make a JPEG of at most MOST_BYTES and SIDE pixels, or tell why the picture cannot be decoded."""
    rgb = decode_image(data, config)
    return rgb if isinstance(rgb, Reason) else _encode(_shrink(rgb))


def _shrink(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    return resize(rgb, (max(1, round(width * scale)), max(1, round(height * scale))))


def _encode(rgb: npt.NDArray[np.uint8]) -> bytes:
    """Encode at the best quality that fits; a picture of 240 px always fits at the last one."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    encoded = b""
    for quality in QUALITIES:
        encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(encoded) <= MOST_BYTES:
            break
    return encoded
