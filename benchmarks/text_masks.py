"""How much of rendered captions the text detector of score.mask_text finds, and what it finds where there is none.

`python -m benchmarks.text_masks [choose|judge]`: one half of the sample's pictures each. The limits in
`pairsift.core.text_masks` were chosen on the first, with other fonts and wordings.
"""

import random
import resource
import sys
import time
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from benchmarks.sample_pictures import SAMPLE
from pairsift.core.text_masks import Boxes, Pixels
from pairsift.models.text_detection import find_text, load_detector

WITH_TEXT = frozenset({19, 43, 54, 74, 77, 144, 164, 171, 185})
"""Numbers of the sample's pictures that have text or figures of their own."""
SIZES_PX = (9, 13, 18, 28, 48)
WORDS = ("red lighthouse", "SPECIAL OFFER", "Free Delivery", "photo 2019", "MOUNTAIN LAKE", "Happy Birthday")
FILLS = ("white", "black", "#ffe000", "#c02020")
LARGE = 0.3
HALVES = {"choose": 0, "judge": 1}


def main(half: str) -> None:
    """Print what is found without and with captions of every size."""
    pictures = list(sample_pictures())[HALVES[half] :: 2]
    plain = [rgb for number, rgb in pictures if number not in WITH_TEXT]
    before = [covered(rgb, detected(rgb)) for rgb in plain]
    start = time.process_time()
    after = [covered(rgb, find_text(rgb)) for rgb in plain]
    seconds = (time.process_time() - start) / len(plain)
    print(f"{len(plain)} pictures without text, {seconds:.2f} s of one core each")
    for name, masks in (("detector alone", before), ("readable boxes", after)):
        some, large = (sum(mask.mean() > least for mask in masks) for least in (0, LARGE))
        print(f"  {name}: boxes in {some}, over more than {LARGE:.0%} of the picture in {large}")
    draw = random.Random(20261126)
    for size in SIZES_PX:
        captions = [caption_found(rgb, size, draw) for _, rgb in pictures[::3]]
        found, beside = (np.array(column) for column in zip(*captions, strict=True))
        print(
            f"  captions of {size} px: {(found > 1 / 2).mean():.0%} of {len(found)} found, {found.mean():.0%} of their "
            f"letters; more than {LARGE:.0%} of the rest masked in {(beside > LARGE).sum()}"
        )
    print(f"  peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def sample_pictures() -> Iterator[tuple[int, Pixels]]:
    """Give the sample's different pictures of at least 100 px, by their numbers."""
    seen: set[bytes] = set()
    for path in sorted((SAMPLE / "folder").glob("*.[jpw]*")):
        data = path.read_bytes()
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if data not in seen and bgr is not None and min(bgr.shape[:2]) >= 100:
            seen.add(data)
            yield int(path.stem), np.ascontiguousarray(bgr[:, :, ::-1]).astype(np.uint8)


def detected(rgb: Pixels) -> Boxes:
    """Give the detector's boxes, whether or not anything can be read in them."""
    found = load_detector()(np.ascontiguousarray(rgb[:, :, ::-1]), use_det=True, use_cls=False, use_rec=False)
    return np.zeros((0, 4, 2), np.float32) if found.boxes is None else np.asarray(found.boxes, np.float32)


def covered(rgb: Pixels, boxes: Boxes) -> npt.NDArray[np.bool_]:
    """Tell which pixels are in a box."""
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(mask, list(np.round(boxes).astype(np.int32)), 1)
    return mask.astype(bool)


def caption_found(rgb: Pixels, size: int, draw: random.Random) -> tuple[float, float]:
    """Write a caption somewhere on a picture: the share of its letters in a box, and of what is not near it."""
    font, text, fill = ImageFont.load_default(size), draw.choice(WORDS), draw.choice(FILLS)
    left, top, right, bottom = font.getbbox(text)
    height, width = rgb.shape[:2]
    at = (draw.uniform(2, max(3, width - right - 2)), draw.uniform(2, max(3, height - bottom - 2)))
    picture, letters = Image.fromarray(rgb), Image.new("L", (width, height))
    ImageDraw.Draw(picture).text(at, text, font=font, fill=fill, stroke_width=size // 14, stroke_fill="#303030")
    ImageDraw.Draw(letters).text(at, text, font=font, fill=255)
    mask = covered(rgb, find_text(np.asarray(picture)))
    near = np.zeros((height, width), bool)
    x, y = int(at[0]), int(at[1])
    near[max(0, int(y + top) - size) : int(y + bottom) + size, max(0, int(x + left) - size) : int(x + right) + size] = (
        True
    )
    return float(mask[np.asarray(letters) > 127].mean()), float(mask[~near].mean())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "judge")
