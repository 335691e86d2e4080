"""Encoders of open_clip: image and text towers trained to make a picture and its caption alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pairsift.core.baseline import pair_quality, text_quality
from pairsift.core.images import SQUARE
from pairsift.core.signals import FUSION_MATCH
from pairsift.models.classifiers import Classifier
from pairsift.models.device import turn
from pairsift.models.feeding import BatchSize, PictureFeed
from pairsift.models.fusion import fuse
from pairsift.models.fusion_heads import FusionHead
from pairsift.models.scores import ModelCard, Scores, Sides, as_scores, rows_by_caption, spread
from pairsift.models.towers import Pair

BUCKETS = (8, 12, 16, 20, 24, 32, 48, 64)
"""Token counts that captions are cut or padded to, where a tower does not mind; then the tower's own."""
_LEAST_TOKENS = 512
_LEAST_PRODUCT = 16
"""Rows from which on a product's bits do not depend on how many others there are, on one thread of a CPU."""
_TOKENS_PER_IMAGE = 16
"""Tokens of a text pass for each picture of an image pass."""
_SHAPES_PER_LENGTH = 8
"""On CUDA no pass is filled to less than this part of a whole one."""


class Tower(Protocol):
    """One tower of an encoder: a batch to unit vectors (b, d) and unit tokens (b, k, d), float32."""

    def __call__(self, batch: torch.Tensor, /) -> Pair:
        """Encode a batch."""


class Tokenizer(Protocol):
    """Captions to token ids (n, context length), padded with one number."""

    def __call__(self, texts: list[str], /) -> torch.Tensor:
        """Tokenize captions."""


@dataclass(slots=True)
class _Readings:
    """What u different captions say, on the device.

    Unit `vectors` (u, d); for each caption its `lengths` (u,) in tokens as passed, and its place `rows` (u,) among the
    `tokens` (c, k, d) and `valid` (c, k) of that length.
    """

    vectors: torch.Tensor
    tokens: dict[int, torch.Tensor]
    valid: dict[int, torch.Tensor]
    lengths: NDArray[np.int64]
    rows: NDArray[np.int64]


@dataclass(slots=True)
class _Sights:
    """What m pictures of n pairs show, on the device.

    Unit `vectors` (m, d) and `fused` (n, d), `variances` (m,), and `matches` (n,) of a trained head.
    """

    vectors: torch.Tensor
    fused: torch.Tensor
    variances: torch.Tensor
    matches: torch.Tensor


@dataclass(frozen=True, slots=True)
class _Matches:
    """Which picture of a batch and which caption belong to which pair: three arrays of one length."""

    pairs: NDArray[np.int64]
    images: NDArray[np.int64]
    captions: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Clip:
    """A loaded encoder of open_clip on one device."""

    name: str
    fingerprint: str
    cards: tuple[ModelCard, ...]
    english_only: bool
    see: Tower
    read: Tower
    tokenizer: Tokenizer
    trimmable: bool
    padding: int
    dim: int
    device: torch.device
    batch: BatchSize
    pools_early: bool = False
    classifier: Classifier | None = None
    buckets: tuple[int, ...] = field(default=BUCKETS)
    space: str = ""
    head: FusionHead | None = None

    @torch.inference_mode()
    def score(self, pixels: NDArray[np.uint8], image_of: NDArray[np.int64], captions: Sequence[str | None]) -> Scores:
        """Measure pairs; see `scores.Encoder`."""
        texts, rows_of = rows_by_caption(captions)
        caption_of = np.full(len(captions), -1)
        for place, rows in enumerate(rows_of):
            caption_of[rows] = place
        ids = self.tokenizer(texts) if texts else torch.empty((0, self.buckets[-1]), dtype=torch.int64)
        with turn(self.device):
            readings = self._read(ids)
            sights = self._see(pixels, image_of, caption_of, readings)
            image, fused, variances, matches, text = (
                part.cpu().numpy()
                for part in (sights.vectors, sights.fused, sights.variances, sights.matches, readings.vectors)
            )
        text = spread(text, caption_of)
        signals = {} if self.classifier is None else _baseline(spread(variances, image_of), text)
        if self.head is not None:
            signals[FUSION_MATCH] = matches
        return as_scores(spread(image, image_of), text, fused, signals)

    def _see(
        self, pixels: NDArray[np.uint8], image_of: NDArray[np.int64], caption_of: NDArray[np.int64], readings: _Readings
    ) -> _Sights:
        """See pictures batch by batch, and fuse each with its captions while its tokens are there.

        Nothing waits for the device before the last batch is on its way.
        """
        sights = _Sights(
            torch.empty((len(pixels), self.dim), device=self.device),
            torch.full((len(image_of), self.dim), torch.nan, device=self.device),
            torch.full((len(pixels),), torch.nan, dtype=torch.float64, device=self.device),
            torch.full((len(image_of),), torch.nan, dtype=torch.float64, device=self.device),
        )
        feed = PictureFeed(pixels, self.device)
        start = 0
        while start < len(pixels):
            size = self.batch.size
            try:
                batch = feed.batch(start, size)
                vectors, tokens = self.see(batch)
                feed.announce(start + size, size)
                stop = min(start + size, len(pixels))
                sights.vectors[start:stop] = vectors[: stop - start]
                pairs = np.flatnonzero((image_of >= start) & (image_of < stop) & (caption_of >= 0))
                matches = _Matches(pairs, image_of[pairs] - start, caption_of[pairs])
                self._fuse((vectors, tokens), matches, readings, sights)
                if self.classifier is not None:
                    sights.variances[start:stop] = _variances(self.classifier, batch)[: stop - start]
            except torch.OutOfMemoryError as error:
                self.batch.halve(error)
                continue
            start = stop
        return sights

    def _fuse(self, seen: Pair, matches: _Matches, readings: _Readings, sights: _Sights) -> None:
        """Fuse the pictures of a batch with their captions into their pairs' rows, captions of one length together."""
        lengths = readings.lengths[matches.captions]
        for length in np.unique(lengths).tolist():
            chosen = np.flatnonzero(lengths == length)
            places = (matches.pairs, matches.images, readings.rows[matches.captions])
            pair, image, row = (torch.from_numpy(place[chosen]).to(self.device) for place in places)
            words, valid = readings.tokens[length][row], readings.valid[length][row]
            if self.head is None:
                sights.fused[pair] = fuse(seen[1][image], words, valid)
                continue
            text = readings.vectors[torch.from_numpy(matches.captions[chosen]).to(self.device)]
            sights.fused[pair], match = self.head(_sides(seen, image, text, words, valid))
            sights.matches[pair] = match.double()

    @torch.inference_mode()
    def sides(self, pixels: NDArray[np.uint8], captions: Sequence[str]) -> tuple[Sides, torch.Tensor]:
        """Give what a head learns from, of n pictures and as many captions; see `scores.Encoder`."""
        with turn(self.device):
            readings = self._read(self.tokenizer(list(captions)))
            longest = int(readings.lengths.max())
            words = torch.zeros((len(captions), longest, self.dim), device=self.device)
            valid = torch.zeros((len(captions), longest), dtype=torch.bool, device=self.device)
            for length, tokens in readings.tokens.items():
                members = torch.from_numpy(np.flatnonzero(readings.lengths == length)).to(self.device)
                words[members, :length], valid[members, :length] = tokens, readings.valid[length]
            feed, size = PictureFeed(pixels, self.device), self.batch.size
            batches = [
                [part.clone() for part in self.see(feed.batch(start, size))] for start in range(0, len(pixels), size)
            ]
            seen = tuple(torch.cat(parts)[: len(pixels)] for parts in zip(*batches, strict=True))
            own = torch.arange(len(captions), device=self.device)
            return _sides((seen[0], seen[1]), own, readings.vectors, words, valid), seen[0]

    def _read(self, ids: torch.Tensor) -> _Readings:
        """Read different captions (u, k), those of like length together, cut behind the longest of their bucket."""
        ends = ends_of(ids, self.padding)
        lengths = bucketed(ends, self.buckets if self.trimmable else (ids.shape[1],))
        vectors = torch.empty((len(ids), self.dim), device=self.device)
        readings = _Readings(vectors, {}, {}, lengths, np.empty(len(ids), np.int64))
        for length in np.unique(lengths).tolist():
            members = np.flatnonzero(lengths == length)
            read, tokens = self._read_bucket(ids[members, :length])
            vectors[torch.from_numpy(members).to(self.device)] = read
            readings.rows[members] = np.arange(len(members))
            readings.tokens[length] = tokens
            valid = torch.arange(length)[None] < torch.from_numpy(ends[members])[:, None]
            readings.valid[length] = valid.to(self.device)
        return readings

    def _read_bucket(self, ids: torch.Tensor) -> Pair:
        """Read captions of one length (c, k) in passes of one shape."""
        count, length = ids.shape
        vectors, tokens = [], []
        start = 0
        while start < count:
            rows = self._rows_of_a_pass(count - start, length)
            taken = min(rows, count - start)
            # Filled up with a caption like the others.
            part = torch.cat([ids[start : start + taken], ids[start : start + 1].expand(rows - taken, -1)])
            try:
                read, states = self.read(part.to(self.device))
            except torch.OutOfMemoryError as error:
                self.batch.halve(error)
                continue
            vectors.append(read[:taken].clone())
            tokens.append(states[:taken].clone())
            start += taken
        return torch.cat(vectors), torch.cat(tokens)

    def _rows_of_a_pass(self, captions: int, length: int) -> int:
        """Tell how many rows a pass has that begins where so many captions of a length are left.

        The last pass of a length is filled to a power of two only: fewer rows are wasted, and on CUDA each shape is
        recorded. On a CPU it has at least so many rows that none's bits depend on the others.
        """
        rows = max(_LEAST_TOKENS, self.batch.size * _TOKENS_PER_IMAGE) // length
        needed = _LEAST_PRODUCT if self.pools_early else -(-_LEAST_PRODUCT // length)
        least = needed if self.device.type == "cpu" else rows // _SHAPES_PER_LENGTH
        return max(1, min(rows, max(least, 1 << (captions - 1).bit_length())))


def _sides(seen: Pair, image: torch.Tensor, text: torch.Tensor, words: torch.Tensor, valid: torch.Tensor) -> Sides:
    """Put together what a head takes of pictures by their places in a batch, and of as many captions."""
    vectors = seen[0][image]
    return Sides(vectors, seen[1][image], text, words, valid, (vectors * text).sum(dim=-1))


def ends_of(ids: torch.Tensor, padding: int) -> NDArray[np.int64]:
    """Count the tokens of each caption (n,): all up to the last that is not padding, which may stand within, too."""
    is_padding = (ids == padding).numpy()
    counts: NDArray[np.int64] = ids.shape[1] - np.argmin(is_padding[:, ::-1], axis=1)
    counts[is_padding.all(axis=1)] = 1
    return counts


def bucketed(lengths: NDArray[np.int64], buckets: tuple[int, ...]) -> NDArray[np.int64]:
    """Give each length the smallest bucket that holds it."""
    return np.array(buckets)[np.searchsorted(buckets, lengths)]


def _variances(classifier: Classifier, batch: torch.Tensor) -> torch.Tensor:
    """Return the variance of the classifier's logits of pictures (b, h, w, 3) uint8, scaled to its size if need be."""
    if batch.shape[1:] != SQUARE.shape:
        planes = functional.interpolate(
            batch.permute(0, 3, 1, 2), (SQUARE.height, SQUARE.width), mode="bilinear", antialias=True
        )
        batch = planes.permute(0, 2, 3, 1)
    return classifier.logits(classifier.features(batch)).double().var(dim=1, correction=0)


def _baseline(variances: NDArray[np.floating], text: NDArray[np.floating]) -> dict[str, NDArray[np.floating]]:
    qualities = text_quality(text)
    return {
        "baseline.image_quality": variances,
        "baseline.text_quality": qualities,
        "baseline.pair_quality": pair_quality(variances.astype(np.float64), qualities),
    }
