"""From the bytes of a pair to what the encoders take, and to the signals that need no model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pairsift.config import PreprocessConfig
from pairsift.core.caption_signals import text_signals
from pairsift.core.captions import clean_caption, read_caption
from pairsift.core.image_signals import image_signals
from pairsift.core.images import decode_image, encoder_pixels, enhance
from pairsift.core.records import Cleaner, Measurement, Reason
from pairsift.core.signals import IMAGE_SIGNALS, TEXT_SIGNALS


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pair ready to be scored: (224, 224, 3) uint8 RGB pixels, the cleaned caption, its image.* and text.* signals.

    None where that side of the pair cannot be read; the measurement then says why.
    """

    pixels: NDArray[np.uint8] | None
    caption: str | None
    measurement: Measurement


def prepare(image: bytes | None, caption: bytes | None, config: PreprocessConfig, cleaner: Cleaner) -> Prepared:
    """Decode, clean and measure one pair; bytes that cannot be read are an outcome, never an error.

    Enhancement changes the encoder's pixels only (after they are scaled, so that its cost does not grow with the
    picture): the signals measure the picture as it came.
    """
    pixels, seen = _prepare_image(image, config)
    cleaned, read = _prepare_caption(caption, config, cleaner)
    measurement = Measurement({**seen.values, **read.values}, {**seen.unmeasurable, **read.unmeasurable})
    return Prepared(pixels, cleaned, measurement)


def _prepare_image(data: bytes | None, config: PreprocessConfig) -> tuple[NDArray[np.uint8] | None, Measurement]:
    rgb = decode_image(data, config)
    if isinstance(rgb, Reason):
        return None, _unmeasurable(IMAGE_SIGNALS, rgb)
    return enhance(encoder_pixels(rgb), config.enhance), Measurement(image_signals(rgb))


def _prepare_caption(data: bytes | None, config: PreprocessConfig, cleaner: Cleaner) -> tuple[str | None, Measurement]:
    raw = read_caption(data, config.max_caption_bytes)
    if isinstance(raw, Reason):
        return None, _unmeasurable(TEXT_SIGNALS, raw)
    cleaned = clean_caption(raw, cleaner)
    if not cleaned.strip():
        return None, _unmeasurable(TEXT_SIGNALS, Reason.CAPTION_EMPTY)
    return cleaned, Measurement(text_signals(raw, cleaned))


def _unmeasurable(signals: Sequence[str], reason: Reason) -> Measurement:
    return Measurement(unmeasurable=dict.fromkeys(signals, reason))
