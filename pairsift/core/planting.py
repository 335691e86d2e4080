"""Known faults, planted in copies of pictures and captions: what a filter is examined with."""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pairsift.core.arrays import Integers
from pairsift.core.images import resize
from pairsift.core.records import ColumnValue

Pixels = NDArray[np.uint8]

COPY_SIDE_PX = 256
"""Short side of the copy that image signals are measured on: blur and grain have one size there in every picture."""
BLUR_SIGMA_PX = 3.0
NOISE_DEVIATION = 40.0
DARKNESS = 0.05
LOW_QUALITY, WHOLE_QUALITY = 5, 90
KEPT_SHARE = 0.6
"""Share of a cut-off file's bytes that is left."""
CUT_SHARE = 3
"""A truncated caption keeps one in so many of its characters."""
LINES_PER_SIDE = 12
"""Lines of writing that would fill a square picture."""
FILE_NAMES = ("IMG_{number:04d}.JPG", "DSC{number:05d}.jpg", "image{number}.png", "{words}-1024x768.jpg")

_WORD = re.compile(r"[a-z0-9]+")


class Fault(StrEnum):
    """What can be wrong with a pair, and is planted on purpose."""

    SWAPPED_CAPTION = "swapped_caption"
    BLURRED = "blurred"
    NOISY = "noisy"
    DARK = "dark"
    LOW_QUALITY_JPEG = "low_quality_jpeg"
    TRUNCATED_IMAGE = "truncated_image"
    CAPTION_IN_IMAGE = "caption_in_image"
    FILENAME_CAPTION = "filename_caption"
    TRUNCATED_CAPTION = "truncated_caption"
    FOREIGN_CAPTION = "foreign_caption"
    EXACT_COPY = "exact_copy"


@dataclass(frozen=True, slots=True)
class Original:
    """A pair to plant faults in: its file and caption as they came, the caption as text, and a caption that is foreign.

    `foreign` is in another language, and of no picture or another one; `source_columns` are those a policy goes by.
    """

    image: bytes
    image_sha256: str
    caption: bytes
    text: str
    foreign: str
    source_columns: Mapping[str, ColumnValue]


def blur(rgb: Pixels) -> Pixels:
    """Blur a picture (h, w, 3) by a Gaussian of 3 px of its 256-px copy."""
    height, width = rgb.shape[:2]
    scale = _scale(rgb)
    shrink = max(1.0, scale / 2)  # a kernel of hundreds of pixels costs seconds and shows nothing more
    small = resize(rgb, (round(width / shrink), round(height / shrink)))
    blurred = cv2.GaussianBlur(small, (0, 0), BLUR_SIGMA_PX * scale / shrink)
    return resize(np.asarray(blurred, dtype=np.uint8), (width, height))


def add_noise(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Add Gaussian noise of 40 grey levels to every channel, in grains of one pixel of the 256-px copy.

    A smaller picture has grains of one of its own pixels.
    """
    height, width = rgb.shape[:2]
    grain_px = max(1.0, _scale(rgb))
    shape = (round(height / grain_px), round(width / grain_px), 3)
    grain = rng.normal(0, NOISE_DEVIATION, shape).astype(np.float32)
    noise = cv2.resize(grain, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(np.clip(np.rint(rgb + noise), 0, 255), dtype=np.uint8)


def darken(rgb: Pixels) -> Pixels:
    """Leave a twentieth of the light."""
    return np.asarray(cv2.convertScaleAbs(rgb, alpha=DARKNESS), dtype=np.uint8)


def write_caption(rgb: Pixels, caption: str) -> Pixels:
    """Write a caption over the lower half of a picture, white with a black edge; what does not fit is left out."""
    picture = Image.fromarray(rgb)
    size = max(8, min(picture.size) // LINES_PER_SIDE)
    font = ImageFont.load_default(size)
    lines = _wrap(caption, picture.width - size, font.getlength)[: max(1, picture.height // 2 // (size + 4))]
    edge = max(1, size // 12)
    place = (size // 2, picture.height - size // 2)
    draw = ImageDraw.Draw(picture)
    draw.multiline_text(place, "\n".join(lines), "white", font, "ld", stroke_width=edge, stroke_fill="black")
    return np.asarray(picture, dtype=np.uint8)


def low_quality_jpeg(rgb: Pixels) -> bytes:
    """Encode a picture as a JPEG of quality 5."""
    return _jpeg(rgb, LOW_QUALITY)


def truncated_jpeg(rgb: Pixels) -> bytes:
    """Encode a picture as a JPEG whose last two fifths are missing."""
    whole = _jpeg(rgb, WHOLE_QUALITY)
    return whole[: round(KEPT_SHARE * len(whole))]


def file_name(caption: str, number: int) -> str:
    """Make the name of a picture's file, as cameras, scripts and web shops do, in turn by `number`."""
    words = "-".join(_WORD.findall(caption.lower())[:3]) or "photo"
    return FILE_NAMES[number % len(FILE_NAMES)].format(number=number, words=words)


def truncate_caption(caption: str) -> str:
    """Keep the first third of a caption's characters, at least one."""
    return caption[: max(1, len(caption) // CUT_SHARE)]


def swap_partners(count: int, turn: int) -> Integers:
    """Name for each of an even count of pairs the one that it swaps captions with, another one in each odd turn.

    Partners are each other's, and nobody's own: i and (turn − i) mod count.
    """
    return np.asarray((turn - np.arange(count)) % count, dtype=np.int64)


IN_PICTURE: Mapping[Fault, Callable[[Pixels, str, np.random.Generator], Pixels | bytes]] = {
    Fault.BLURRED: lambda rgb, _caption, _rng: blur(rgb),
    Fault.NOISY: lambda rgb, _caption, rng: add_noise(rgb, rng),
    Fault.DARK: lambda rgb, _caption, _rng: darken(rgb),
    Fault.LOW_QUALITY_JPEG: lambda rgb, _caption, _rng: low_quality_jpeg(rgb),
    Fault.TRUNCATED_IMAGE: lambda rgb, _caption, _rng: truncated_jpeg(rgb),
    Fault.CAPTION_IN_IMAGE: lambda rgb, caption, _rng: write_caption(rgb, caption),
}
"""The faults of pictures: a picture (h, w, 3) uint8 and its caption to another picture, or to a file."""

IN_CAPTION: Mapping[Fault, Callable[[str, str, np.random.Generator], str]] = {
    Fault.FILENAME_CAPTION: lambda caption, _foreign, rng: file_name(caption, int(rng.integers(10_000))),
    Fault.TRUNCATED_CAPTION: lambda caption, _foreign, _rng: truncate_caption(caption),
    Fault.FOREIGN_CAPTION: lambda _caption, foreign, _rng: foreign,
}
"""The faults of captions: a caption, and one in another language, to another caption."""


def _scale(rgb: Pixels) -> float:
    """Tell how many of a picture's pixels are one of its 256-px copy, along a side."""
    return float(min(rgb.shape[:2]) / COPY_SIDE_PX)


def _jpeg(rgb: Pixels, quality: int) -> bytes:
    target = io.BytesIO()
    Image.fromarray(rgb).save(target, "JPEG", quality=quality)
    return target.getvalue()


def _wrap(text: str, width_px: float, length_px: Callable[[str], float]) -> list[str]:
    """Break a text into lines of at most so many pixels; a longer word has a line of its own."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and length_px(longer) <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
