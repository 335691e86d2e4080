"""What an encoder returns, and the protocol every encoder follows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pairsift.core.shift import cosines

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One part of an encoder, as the ledger names it, with what was measured of it before it was used."""

    name: str
    fingerprint: str
    facts: Mapping[str, int | float | str] | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """What an encoder measured of n pairs; a row is NaN where its input is absent.

    The embeddings are (n, d) float16 rows of unit length; `signals` holds one (n,) float32 array for each of
    `core.signals.MODEL_SIGNALS` that the encoder measures.
    """

    image_embedding: NDArray[np.float16]
    text_embedding: NDArray[np.float16]
    fused_embedding: NDArray[np.float16]
    signals: dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """n pairs as a head takes them: `pooled` (n, c), image `cells` (n, q, c), `text` (n, d), `words` (n, k, d).

    `valid` (n, k) is False on padding; `alignment` (n,) is the encoder's own cosine.
    """

    pooled: torch.Tensor
    cells: torch.Tensor
    text: torch.Tensor
    words: torch.Tensor
    valid: torch.Tensor
    alignment: torch.Tensor


class Encoder(Protocol):
    """A model that turns images and captions into comparable vectors; safe to call from several threads."""

    @property
    def name(self) -> str:
        """The encoder's name, as the config writes it."""

    @property
    def fingerprint(self) -> str:
        """The identity of everything that changes its numbers: weights, constants, dtype, backend; 64 hex digits."""

    @property
    def space(self) -> str:
        """What its vectors and tokens are of, on any device and in any dtype; what is trained for it belongs to it."""

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The models it is made of."""

    @property
    def dim(self) -> int:
        """The length d of its embeddings."""

    @property
    def english_only(self) -> bool:
        """Whether captions in other languages are unmeasurable."""

    def score(self, pixels: NDArray[np.uint8], image_of: NDArray[np.int64], captions: Sequence[str | None]) -> Scores:
        """Measure `len(captions)` pairs.

        `pixels` is (m, h, w, 3) RGB as the encoder takes pictures, each different one once; `image_of` (n,) says which
        is a pair's, −1 for none. A caption is None where there is none, or none that the encoder may read (an
        unsupported language).
        """

    def sides(self, pixels: NDArray[np.uint8], captions: Sequence[str]) -> tuple[Sides, torch.Tensor]:
        """Give what a fusion head learns from, of n pictures and as many captions: sides, and image vectors (n, d)."""


def rows_by_caption(captions: Sequence[str | None]) -> tuple[list[str], list[list[int]]]:
    """Return the different captions and, for each, the rows that have it."""
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, caption in enumerate(captions):
        if caption is not None:
            rows[caption].append(row)
    return list(rows), list(rows.values())


def spread(values: NDArray[np.floating], places: NDArray[np.int64]) -> NDArray[np.floating]:
    """Give each of n rows the value at its place (n,) among m, NaN where it has none (−1)."""
    spread_out = np.full((len(places), *values.shape[1:]), np.nan, values.dtype)
    spread_out[places >= 0] = values[places[places >= 0]]
    return spread_out


def as_scores(image: Floats, text: Floats, fused: Floats, signals: Mapping[str, NDArray[np.floating]]) -> Scores:
    """Put together what was measured of n pairs, with their alignment, from embeddings (n, d) of unit length."""
    stored_image, stored_text = image.astype(np.float16), text.astype(np.float16)
    return Scores(
        stored_image,
        stored_text,
        fused.astype(np.float16),
        {
            "pair.alignment": cosine(stored_image, stored_text),
            **{name: values.astype(np.float32) for name, values in signals.items()},
        },
    )


def cosine(left: NDArray[np.float16], right: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the cosine of each row of `left` (n, d) with the same row of `right` (n, d), as (n,) float32.

    It is computed from the embeddings as stored, so that anybody can compute it again from an export.
    """
    return cosines(left, right).astype(np.float32)
