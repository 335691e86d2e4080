"""Measures prepared pairs: an encoder's signals and embeddings, joined with what preprocessing measured."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pairsift.core.measuring import SignalTable, encodable_caption, merge
from pairsift.core.records import Measurement
from pairsift.models.scores import Encoder, Scores


def measure_pairs(
    encoder: Encoder,
    pixels: NDArray[np.uint8],
    image_of: NDArray[np.int64],
    captions: Sequence[str | None],
    measurements: Sequence[Measurement],
) -> tuple[Scores, SignalTable]:
    """Score n prepared pairs, `pixels` (m, h, w, 3) of their different pictures; see `scores.Encoder`.

    A caption in a language that the encoder does not know is not shown to it.
    """
    if encoder.english_only:
        captions = [encodable_caption(*pair) for pair in zip(captions, measurements, strict=True)]
    scores = encoder.score(pixels, image_of, captions)
    return scores, merge(measurements, {name: values.tolist() for name, values in scores.signals.items()})
