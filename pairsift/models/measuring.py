"""Measures prepared pairs: an encoder's signals and embeddings, joined with what preprocessing measured."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pairsift.core.measuring import SignalTable, encodable_caption, merge
from pairsift.core.records import Measurement
from pairsift.core.selects import ALIGNMENT
from pairsift.core.signals import MASKED
from pairsift.models.scores import Encoder, Scores


def measure_pairs(  # noqa: PLR0913, PLR0917 - what a chunk of prepared pairs is
    encoder: Encoder,
    pixels: NDArray[np.uint8],
    image_of: NDArray[np.int64],
    captions: Sequence[str | None],
    measurements: Sequence[Measurement],
    masked_of: NDArray[np.int64] | None = None,
) -> tuple[Scores, SignalTable]:
    """Score n prepared pairs, `pixels` (m, h, w, 3) of their different pictures; see `scores.Encoder`.

    A caption in a language that the encoder does not know is not shown to it. Where `masked_of` (n,) is given, it says
    which picture is a pair's with the text masked, −1 where it has none, and the pair is scored with that, too.
    """
    if encoder.english_only:
        captions = [encodable_caption(*pair) for pair in zip(captions, measurements, strict=True)]
    scores = encoder.score(pixels, image_of, captions)
    signals = dict(scores.signals)
    if masked_of is not None:
        signals[MASKED] = _masked_alignment(encoder, pixels, masked_of, captions, scores)
    return scores, merge(measurements, {name: values.tolist() for name, values in signals.items()})


def _masked_alignment(
    encoder: Encoder,
    pixels: NDArray[np.uint8],
    masked_of: NDArray[np.int64],
    captions: Sequence[str | None],
    scores: Scores,
) -> NDArray[np.float32]:
    """Score the pairs with text in their pictures again, each picture without it; the others score as they do."""
    alignment = scores.signals[ALIGNMENT].copy()
    rows = np.flatnonzero(masked_of >= 0)
    if len(rows):
        again = encoder.score(pixels, masked_of[rows], [captions[row] for row in rows.tolist()])
        alignment[rows] = again.signals[ALIGNMENT]
    return alignment
