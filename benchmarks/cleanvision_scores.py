"""Hold CleanVision's published scores against this project's signals, on the sample's pictures.

Each picture is taken as it is and damaged step by step, so that there are pictures on both sides of every threshold.
CleanVision's scores are computed here from their definitions (cleanvision 0.3.7, issue_managers/image_property.py and
the default parameters of image_property_issue_manager.py).
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageEnhance, ImageFilter, ImageStat

from benchmarks.derived import SAMPLE, open_picture
from pairsift.core.image_signals import image_signals

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Damage = Callable[[Image.Image], Image.Image]

BLUR_SIDE_PX = 64


@dataclass(frozen=True, slots=True)
class Stand:
    """What stands for an issue: it is told where the signal is below (or above) the threshold."""

    issue: str
    signal: str
    above: bool
    threshold: float


STANDS = (
    Stand("dark", "image.brightness_p99", above=False, threshold=0.32),
    Stand("light", "image.brightness_p5", above=True, threshold=0.95),
    Stand("odd_aspect_ratio", "image.aspect_ratio", above=True, threshold=1 / 0.35),
    Stand("low_information", "image.entropy", above=False, threshold=3 - np.log2(3)),
    Stand("blurry", "image.sharpness", above=False, threshold=2.5),
    Stand("grayscale", "image.chroma", above=False, threshold=1e-9),
)


def main() -> None:
    """Print how many pictures each side tells an issue of, and how far the signal reaches where CleanVision does."""
    measured = [
        (cleanvision_issues(picture), image_signals(np.asarray(picture.convert("RGB")), 0))
        for picture in damaged_pictures(_options().every)
    ]
    said, signals = zip(*measured, strict=True)
    print(f"{len(measured)} pictures\n")
    print("| issue | signal | threshold | CleanVision tells of | we tell of | both do | agree | the signal reaches |")
    print("|---|---|---|---|---|---|---|---|")
    for stand in STANDS:
        theirs = np.array([issues[stand.issue] for issues in said])
        print(row_of(stand, theirs, np.array([row[stand.signal] for row in signals], dtype=np.float64)))


def row_of(stand: Stand, theirs: Flags, values: Floats) -> str:
    """Write one issue's row."""
    ours = told(values, stand.threshold, above=stand.above)
    reached = values[theirs].min() if stand.above else values[theirs].max()
    return (
        f"| {stand.issue} | {stand.signal} | {stand.threshold:.4g} | {theirs.sum()} | {ours.sum()} | "
        f"{(ours & theirs).sum()} | {np.mean(ours == theirs):.1%} | {reached:.4g} |"
    )


def told(values: Floats, threshold: float, *, above: bool) -> Flags:
    """Mark the pictures that a rule would tell of."""
    return values > threshold if above else values < threshold


def cleanvision_issues(picture: Image.Image) -> Mapping[str, bool]:
    """Tell a picture's issues by CleanVision's definitions and default thresholds."""
    bright = _brightness(picture)
    return {
        "dark": bool(np.percentile(bright, 99) < 0.32),
        "light": bool(1 - np.percentile(bright, 5) < 0.05),
        "odd_aspect_ratio": min(picture.size) / max(picture.size) < 0.35,
        "low_information": 0.1 * picture.entropy() < 0.3,
        "blurry": _blur_score(picture) < 0.29,
        "grayscale": picture.mode == "L",
    }


def damaged_pictures(every: int) -> Iterator[Image.Image]:
    """Give every so many-th of the sample's good pictures as it is and in some steps of damage."""
    damages: list[Damage] = [
        lambda picture: picture,
        *(_blurred(radius) for radius in (2, 4, 8, 16, 24, 40)),
        *(_dimmed(factor) for factor in (0.6, 0.4, 0.3, 0.2, 0.1)),
        *(_washed(share) for share in (0.5, 0.8, 0.9, 0.95, 0.99)),
        *(_flattened(bits) for bits in (1, 2, 3)),
        lambda picture: picture.convert("L"),
        lambda picture: picture.resize((picture.width, max(1, picture.height // 3))),
    ]
    keys = pd.read_csv(SAMPLE / "captions.csv", dtype=str)["key"]
    for key in keys[::every]:
        picture = open_picture(key)
        yield from (damage(picture) for damage in damages)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="take every so many-th picture")
    return parser.parse_args()


def _brightness(picture: Image.Image) -> Floats:
    """Return every pixel's brightness, 0 to 1."""
    pixels = np.asarray(picture, dtype=np.float64)
    if pixels.ndim == 2:
        return pixels / 255
    return np.asarray(np.sqrt(np.square(pixels) @ np.array([0.241, 0.691, 0.068])) / 255)


def _blur_score(picture: Image.Image) -> float:
    """Score edges at 64 px, plus how unevenly the grey levels are used where that is much."""
    ratio = max(picture.size) / BLUR_SIDE_PX
    small = picture
    if ratio > 1:
        small = picture.resize((max(int(picture.width // ratio), 1), max(int(picture.height // ratio), 1)))
    grey = small.convert("L")
    edges = ImageStat.Stat(grey.filter(ImageFilter.FIND_EDGES)).var[0] ** 0.5
    uneven = 1 - np.exp(-0.01 * np.std(grey.histogram()))
    return float(1 - np.exp(-0.01 * edges) + (uneven if uneven > 0.18 else 0))


def _blurred(radius: float) -> Damage:
    return lambda picture: picture.filter(ImageFilter.GaussianBlur(radius))


def _dimmed(factor: float) -> Damage:
    return lambda picture: ImageEnhance.Brightness(picture).enhance(factor)


def _washed(share: float) -> Damage:
    return lambda picture: Image.blend(picture, Image.new(picture.mode, picture.size, "white"), share)


def _flattened(bits: int) -> Damage:
    """Make flat shapes of a few levels, as drawings have them."""
    return lambda picture: _blurred(8)(picture).point(lambda level: level >> (8 - bits) << (8 - bits))


if __name__ == "__main__":
    main()
