"""Pairs by their embeddings: which are related, and cosines that do not depend on what computes them.

Cosines are rounded to 2⁻²⁰ (1e-6, far below what an encoder's dtype resolves): then sums and sums of squares of up
to 8,192 of them are exact in float64, whatever their order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Flags, Floats, Integers

BLOCK_PAIRS = 512
COSINE_STEP = 2.0**-20
FINE_STEP = 2.0**-30
"""What is computed of cosines is rounded to this."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Pairs as calibration sees them; equal ids mean the same caption or the same picture.

    `image` and `text` are (n, d) unit rows; `captions` and `pictures` (n,) int64.
    """

    image: npt.NDArray[np.floating]
    text: npt.NDArray[np.floating]
    captions: Integers
    pictures: Integers

    def __len__(self) -> int:
        return len(self.captions)

    def take(self, rows: Integers) -> "Embedded":
        """Copy some pairs, embeddings as float64."""
        return Embedded(
            self.image[rows].astype(np.float64),
            self.text[rows].astype(np.float64),
            self.captions[rows],
            self.pictures[rows],
        )


def number_alike(values: Sequence[str | None]) -> Integers:
    """Number equal values alike; an absent one is like no other."""
    numbers: dict[str | int, int] = {}
    keys = (position if value is None else value for position, value in enumerate(values))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def blocks_of(pairs: Embedded, rows: Integers) -> Iterator[Embedded]:
    """Take some pairs (rows) block by block, embeddings as float64."""
    for start in range(0, len(rows), BLOCK_PAIRS):
        yield pairs.take(rows[start : start + BLOCK_PAIRS])


def related_to(pairs: Embedded, reference: Embedded) -> Flags:
    """Mark (n, m) where a pair has a reference pair's caption or picture: itself, copies and retakes."""
    same_caption = pairs.captions[:, None] == reference.captions[None]
    same_picture = pairs.pictures[:, None] == reference.pictures[None]
    return np.asarray(same_caption | same_picture, dtype=np.bool_)


def all_cosines(rows: npt.NDArray[np.floating], columns: npt.NDArray[np.floating]) -> Floats:
    """Give the cosines of unit rows (n, d) with others (m, d): (n, m)."""
    return rounded(rows.astype(np.float64) @ columns.astype(np.float64).T, COSINE_STEP)


def own_cosines(pairs: Embedded) -> Floats:
    """Give the cosine of every image with its own caption: (n,); embeddings are float64."""
    return rounded(np.sum(pairs.image * pairs.text, axis=1), COSINE_STEP)


def rounded(values: Floats, step: float) -> Floats:
    """Round to multiples of a step."""
    return np.asarray(np.round(values / step) * step, dtype=np.float64)
