"""Pairs that cost what pairs from the web cost: JPEGs of about 500 px that compress like photographs, own captions."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.derived import SAMPLE, add_pair, open_picture

LONG_SIDE_PX = (400, 700)
QUALITY = 90
GRAIN = 4.0
"""Standard deviation of the noise added: enlarged pictures are smooth, and with it a pixel takes 2.4 bits, as in
photographs of this quality; without, 1.8."""

OPENINGS = ("", "Here: ", "Outside: ", "Again: ", "Photo: ")
ENDINGS = (
    "",
    " today",
    " outdoors",
    " nearby",
    " abroad",
    " early",
    " late",
    " here",
    " there",
    " alone",
    " again",
    " now",
)


def write_photo_pairs(folder: Path, count: int, shards: int, seed: int = 0) -> None:
    """Write the first `count` pairs as WebDataset shards of about equal size; the same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = photo_pairs(count, seed)
    for shard in range(shards):
        with tarfile.open(folder / f"{shard:05d}.tar", "w") as tar:
            for _ in range(count * shard // shards, count * (shard + 1) // shards):
                add_pair(tar, *next(pairs))


def photo_pairs(count: int, seed: int = 0) -> Iterator[tuple[str, bytes, str]]:
    """Give (key, JPEG, caption) of `count` pairs: the sample's photographs in turn, cut and scaled otherwise each time.

    No two captions are the same; a count for which there are too few raises ValueError.
    """
    rows = pd.read_csv(SAMPLE / "captions.csv", dtype=str)
    rows = rows[(rows["role"] == "good") & (rows["kind"] == "photo")].reset_index(drop=True)
    most = len(rows) * len(OPENINGS) * len(ENDINGS)
    if count > most:
        raise ValueError(f"{count} pairs were asked for, but there are captions for {most} only")
    pictures = [open_picture(key) for key in rows["key"]]
    for number in range(count):
        turn, row = divmod(number, len(rows))
        image = photograph(pictures[row], np.random.default_rng((seed, number)))
        yield f"{number:09d}", image, vary(str(rows["caption"][row]), turn)


def photograph(picture: Image.Image, rng: np.random.Generator) -> bytes:
    """Cut out a part, mirror it or not, enlarge it to a long side of 400 to 700 px, and add grain."""
    width, height = (round(side * rng.uniform(0.7, 1.0)) for side in picture.size)
    left, top = int(rng.integers(picture.width - width + 1)), int(rng.integers(picture.height - height + 1))
    part = picture.crop((left, top, left + width, top + height))
    if rng.random() < 0.5:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    scale = int(rng.integers(LONG_SIDE_PX[0], LONG_SIDE_PX[1] + 1)) / max(part.size)
    large = part.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
    pixels = np.asarray(large, dtype=np.float32)
    grain = rng.normal(0, GRAIN, pixels.shape[:2]).astype(np.float32)
    target = io.BytesIO()
    noisy = np.clip(pixels + grain[..., None], 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(target, "JPEG", quality=QUALITY)
    return target.getvalue()


def vary(caption: str, turn: int) -> str:
    """Give a caption the opening and ending of its turn."""
    opening, ending = divmod(turn, len(ENDINGS))
    return f"{OPENINGS[opening]}{caption.rstrip('.')}{ENDINGS[ending]}."
