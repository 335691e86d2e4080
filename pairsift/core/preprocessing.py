"""From the bytes of a pair to what the encoders take, and to the signals that need no model."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pairsift.config import PreprocessConfig
from pairsift.core.caption_signals import text_signals
from pairsift.core.captions import clean_caption, read_caption
from pairsift.core.forgetting import FORGOTTEN_UID
from pairsift.core.image_signals import image_signals
from pairsift.core.images import decode_image, enhance
from pairsift.core.records import Cleaner, IngestedPair, Measurement, Reason
from pairsift.core.signals import IMAGE_SIGNALS, TEXT_SIGNALS

_MEASURED = (*IMAGE_SIGNALS, *TEXT_SIGNALS)
Pixels = NDArray[np.uint8]
FitPicture = Callable[[Pixels], Pixels]
"""Brings an RGB picture (h, w, 3) uint8 to the size that an encoder takes."""
MaskText = Callable[[Pixels], Pixels | None]
"""Masks the text in an RGB picture; None where there is none."""


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """A picture as an encoder takes it, RGB uint8, and its image.* signals; no pixels where it cannot be read.

    `masked` is the same with its text masked, if that was looked for and there is any.
    """

    pixels: Pixels | None
    measurement: Measurement
    masked: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pair ready to be scored: the place of its picture among its chunk's, the cleaned caption, and its signals.

    `image` and `caption` are None where that side of the pair cannot be read; the measurement then says why. `pixels`
    are there for the first pair of each different picture only. Where it has text that was masked, `masked` is the
    place of the picture without it, and `masked_pixels` are behind its `pixels`.
    """

    uid: str
    image: int | None
    pixels: Pixels | None
    caption: str | None
    measurement: Measurement
    masked: int | None = None
    masked_pixels: Pixels | None = None


@dataclass(frozen=True, slots=True)
class PreparedLesson:
    """A readable pair that a model learns from, with the perceptual hash of its picture."""

    uid: str
    image_sha256: str
    pixels: Pixels
    caption: str
    hash: str | None


def prepare_pairs(
    pairs: Iterable[IngestedPair],
    picture: Callable[[IngestedPair], PreparedImage],
    config: PreprocessConfig,
    cleaner: Cleaner,
) -> Iterator[Prepared]:
    """Prepare pairs whose pictures `picture` fetches and prepares, each different one once.

    Bytes that cannot be read are an outcome, never an error.
    """
    seen: dict[str | None, Prepared] = {}
    pictures = 0
    for pair in pairs:
        if pair.uid == FORGOTTEN_UID:
            yield Prepared(pair.uid, None, None, None, _unmeasurable(_MEASURED, Reason.FORGOTTEN))
            continue
        known = seen.get(pair.image_sha256)
        if known is None:
            image = picture(pair)
            known = _placed(image, pictures)
            pictures += (image.pixels is not None) + (image.masked is not None)
            seen[pair.image_sha256] = replace(known, pixels=None, masked_pixels=None)
        caption, counted = prepare_caption(pair.raw_caption, config, cleaner)
        yield replace(known, uid=pair.uid, caption=caption, measurement=both_sides(known.measurement, counted))


def _placed(image: PreparedImage, pictures: int) -> Prepared:
    """Give a picture, and the same with its text masked, the next places among a chunk's."""
    return Prepared(
        uid="",
        image=None if image.pixels is None else pictures,
        pixels=image.pixels,
        caption=None,
        measurement=image.measurement,
        masked=None if image.masked is None else pictures + 1,
        masked_pixels=image.masked,
    )


def prepare_image(
    data: bytes | None, config: PreprocessConfig, fit: FitPicture, mask: MaskText | None = None
) -> PreparedImage:
    """Decode a picture, measure it and bring it to the encoder's size."""
    rgb = decode_image(data, config)
    if isinstance(rgb, Reason):
        return unreadable_image(rgb)
    prepared = prepare_picture(rgb, len(data or b""), config, fit)  # it was decoded, so it is there
    masked = None if mask is None else mask(rgb)
    return prepared if masked is None else replace(prepared, masked=fit_enhanced(masked, config, fit))


def unreadable_image(reason: Reason) -> PreparedImage:
    """Say of a picture why nothing could be measured of it."""
    return PreparedImage(None, _unmeasurable(IMAGE_SIGNALS, reason))


def prepare_picture(rgb: Pixels, size_bytes: int, config: PreprocessConfig, fit: FitPicture) -> PreparedImage:
    """Measure a decoded picture (h, w, 3), whose file has a size, and bring it to the encoder's size.

    Enhancement changes the encoder's pixels only (after they are scaled, so that its cost does not grow with the
    picture): the signals measure the picture as it came.
    """
    return PreparedImage(fit_enhanced(rgb, config, fit), Measurement(image_signals(rgb, size_bytes)))


def fit_enhanced(rgb: Pixels, config: PreprocessConfig, fit: FitPicture) -> Pixels:
    """Bring a decoded picture to the encoder's size, then enhance it."""
    return enhance(fit(rgb), config.enhance)


def prepare_caption(data: bytes | None, config: PreprocessConfig, cleaner: Cleaner) -> tuple[str | None, Measurement]:
    """Read a caption, clean it and measure it."""
    raw = read_caption(data, config.max_caption_bytes)
    if isinstance(raw, Reason):
        return None, _unmeasurable(TEXT_SIGNALS, raw)
    cleaned = clean_caption(raw, cleaner)
    if not cleaned.strip():
        return None, _unmeasurable(TEXT_SIGNALS, Reason.CAPTION_EMPTY)
    return cleaned, Measurement(text_signals(raw, cleaned))


def both_sides(image: Measurement, caption: Measurement) -> Measurement:
    """Join what was measured of a picture and of its caption."""
    return Measurement({**image.values, **caption.values}, {**image.unmeasurable, **caption.unmeasurable})


def _unmeasurable(signals: Sequence[str], reason: Reason) -> Measurement:
    return Measurement(unmeasurable=dict.fromkeys(signals, reason))
