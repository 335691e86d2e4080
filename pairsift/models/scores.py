"""What an encoder returns, and the protocol every encoder follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One part of an encoder, as the ledger names it."""

    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Scores:
    """What an encoder measured of n pairs; a row is NaN where its input is absent.

    The embeddings are (n, d) float16 rows of unit length; `signals` holds one (n,) float32 array for each of
    `core.signals.MODEL_SIGNALS`.
    """

    image_embedding: NDArray[np.float16]
    text_embedding: NDArray[np.float16]
    fused_embedding: NDArray[np.float16]
    signals: dict[str, NDArray[np.float32]]


class Encoder(Protocol):
    """A model that turns images and captions into comparable vectors; safe to call from several threads."""

    @property
    def name(self) -> str:
        """The encoder's name, as the config writes it."""

    @property
    def fingerprint(self) -> str:
        """The identity of everything that changes its numbers: weights, constants, dtype, backend; 64 hex digits."""

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The models it is made of."""

    @property
    def dim(self) -> int:
        """The length d of its embeddings."""

    def score(self, pixels: NDArray[np.uint8], image_rows: NDArray[np.int64], captions: Sequence[str | None]) -> Scores:
        """Measure `len(captions)` pairs.

        `pixels` is (m, 224, 224, 3) RGB, of the readable images only; `image_rows` (m,) says which pair each
        belongs to.
        A caption is None where there is none, or none that the encoder may read (an unsupported language).
        """


def cosine(left: NDArray[np.float16], right: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the cosine of each row of `left` (n, d) with the same row of `right` (n, d), as (n,) float32.

    It is computed from the embeddings as stored, so that anybody can compute it again from an export.
    """
    a, b = left.astype(np.float64), right.astype(np.float64)
    cosines: NDArray[np.float64] = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return cosines.astype(np.float32)
