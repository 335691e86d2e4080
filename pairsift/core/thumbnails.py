"""Small pictures to look at: decoded as any stranger's picture, and encoded anew, so that none of its bytes stay."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pairsift.config import PreprocessConfig
from pairsift.core.images import decode_image, resize
from pairsift.core.records import Reason

QUALITIES = (82, 70, 55, 40, 25)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a small picture may be: its longer side in px, and its file in bytes."""

    side: int
    most_bytes: int

    def of(self, width: int, height: int) -> tuple[int, int]:
        """Give width and height, px, of the small picture of a picture; it is never made larger."""
        scale = min(1.0, self.side / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))


CARD = Size(240, 20_000)
"""Sharp where it is shown at half of that on a dense screen."""
LARGE = Size(720, 200_000)
"""One pair alone, to judge it by."""


def make_thumbnail(data: bytes | None, config: PreprocessConfig, size: Size = CARD) -> bytes | Reason:
    """Make a JPEG of at most that size, or tell why the picture cannot be decoded."""
    rgb = decode_image(data, config)
    if isinstance(rgb, Reason):
        return rgb
    height, width = rgb.shape[:2]
    return _encode(resize(rgb, size.of(width, height)), size.most_bytes)


def _encode(rgb: npt.NDArray[np.uint8], most_bytes: int) -> bytes:
    """Encode at the best quality that fits; noise of 240 or 720 px fits at the last one."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    encoded = b""
    for quality in QUALITIES:
        encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(encoded) <= most_bytes:
            break
    return encoded
