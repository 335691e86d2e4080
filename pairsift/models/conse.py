"""The default encoder: pictures as mixtures of class names, in the space of a sentence encoder.

Norouzi et al., 2014, "Zero-shot learning by convex combination of semantic embeddings".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pairsift.core.baseline import image_quality, pair_quality, text_quality
from pairsift.core.consistency import SENTENCES, best_cosines, strip_phrases
from pairsift.core.signals import CONSISTENCY, FUSION_MATCH
from pairsift.models.adapter import LinearAdapter
from pairsift.models.classifiers import Classifier
from pairsift.models.device import turn
from pairsift.models.feeding import filled
from pairsift.models.fusion import fuse
from pairsift.models.fusion_heads import FusionHead
from pairsift.models.scores import Floats, ModelCard, Scores, Sides, as_scores, rows_by_caption, spread
from pairsift.models.sentences import BUCKETS, SentenceBatch, SentenceEncoder

NAME = "conse"
TEMPERATURE = 2.0
"""Divides the logits: 1 gives an AUC of 0.841, 2 of 0.864 on the same draw of photographs."""


@dataclass(frozen=True, slots=True)
class _Sight:
    """What m images say: `vectors` (m, d) float32, `tokens` (m, cells, d) float32, `variances` (m,) float64.

    `classes` (m, SENTENCES) int64 are the most probable ones. `plain` (m, d) are the vectors without an adapter,
    `cells` (m, cells, c) the classifier's features, which a trained head takes.
    """

    vectors: Floats
    plain: torch.Tensor
    cells: torch.Tensor
    tokens: torch.Tensor
    variances: NDArray[np.float64]
    classes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What n captions say, NaN where there is none: `vectors` and `fused` (n, d) float32, `qualities` (n,) float64.

    `matches` (n,) float64 are of a trained head.
    `stripped` (n, d) float32 are not centred, and of the captions without SIEVE's phrases; NaN where nothing is left.
    """

    vectors: Floats
    fused: Floats
    qualities: NDArray[np.float64]
    stripped: Floats
    matches: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Conse:
    """The loaded encoder; `space` is what its vectors and tokens are of, on any device and in any dtype.

    `class_vectors` (classes, d) are centred on `centre` (d,); both are float32.

    `class_names` (classes, d) float32 are the sentences of the classes without SIEVE's phrases, not centred.
    """

    fingerprint: str
    space: str
    cards: tuple[ModelCard, ...]
    classifier: Classifier
    sentences: SentenceEncoder
    class_vectors: torch.Tensor
    centre: torch.Tensor
    class_names: Floats
    batch_size: int
    published_input: bool
    adapter: LinearAdapter | None = None
    head: FusionHead | None = None

    @property
    def name(self) -> str:
        """Its name in the config."""
        return NAME

    @property
    def dim(self) -> int:
        """The sentence encoder's dimension."""
        return len(self.centre)

    @property
    def english_only(self) -> bool:
        """The sentence encoder and the class names know English."""
        return True

    @torch.inference_mode()
    def score(self, pixels: NDArray[np.uint8], image_of: NDArray[np.int64], captions: Sequence[str | None]) -> Scores:
        """Measure pairs; see `scores.Encoder`."""
        with turn(self.centre.device):
            sight = self._see(pixels)
            reading = self._read(captions, sight, image_of)
        variances = spread(sight.variances, image_of).astype(np.float64)
        signals = {
            "baseline.image_quality": variances,
            "baseline.text_quality": reading.qualities,
            "baseline.pair_quality": pair_quality(variances, reading.qualities),
            CONSISTENCY: self._consistency(reading.stripped, sight.classes, image_of),
        }
        if self.head is not None:
            signals[FUSION_MATCH] = reading.matches
        return as_scores(spread(sight.vectors, image_of), reading.vectors, reading.fused, signals)

    @torch.inference_mode()
    def study(self, pixels: NDArray[np.uint8], captions: Sequence[str]) -> tuple[Floats, Floats, Floats]:
        """Give what an adapter is fitted on, of n pictures and as many captions.

        The classifier's features (n, c) before its last layer, and the pictures' and the captions' vectors (n, d).
        """
        with turn(self.centre.device):
            starts = range(0, len(pixels), self.batch_size)
            batches = [filled(pixels[start : start + self.batch_size], self.batch_size) for start in starts]
            features = [self.classifier.features(batch).mean(dim=(2, 3)).float() for batch in batches]
            text = centred(encode_all(self.sentences, captions).to(self.centre.device), self.centre)
            pictures = torch.cat(features)[: len(pixels)].cpu().numpy()
            return pictures, self._see(pixels).vectors, text.cpu().numpy()

    def _see(self, pixels: NDArray[np.uint8]) -> _Sight:
        starts = range(0, len(pixels), self.batch_size)
        parts = [self._see_batch(pixels[start : start + self.batch_size]) for start in starts]
        if not parts:
            none = np.empty((0, SENTENCES), np.int64)
            empty = torch.empty(0, 0, self.dim)
            return _Sight(np.empty((0, self.dim), np.float32), empty[:, 0:1, 0], empty, empty, np.empty(0), none)
        return _Sight(
            np.concatenate([part.vectors for part in parts]),
            torch.cat([part.plain for part in parts]),
            torch.cat([part.cells for part in parts]),
            torch.cat([part.tokens for part in parts]),
            np.concatenate([part.variances for part in parts]),
            np.concatenate([part.classes for part in parts]),
        )

    def _see_batch(self, pixels: NDArray[np.uint8]) -> _Sight:
        """Read up to `batch_size` images; the rest of the batch is black, so that its shape is always the same."""
        count = len(pixels)
        batch = filled(pixels, self.batch_size)
        features = self.classifier.features(batch)
        logits = self.classifier.logits(features)
        measured = logits
        if self.published_input:
            measured = self.classifier.logits(self.classifier.features(batch, scaled_only=True))
        plain = self._mix(logits)
        mixed = plain if self.adapter is None else self.adapter(features.mean(dim=(2, 3)).float(), plain)
        vectors = mixed[:count].cpu().numpy()
        cells = features.flatten(2).transpose(1, 2)[:count].float()
        tokens = self._mix(self.classifier.cell_logits(features))[:count]
        classes = _most_probable(logits[:count])
        return _Sight(vectors, plain[:count], cells, tokens, image_quality(measured[:count].cpu().numpy()), classes)

    def _mix(self, logits: torch.Tensor) -> torch.Tensor:
        """Mix the class vectors by probability: logits (…, classes) to unit vectors (…, d) float32."""
        shares = torch.softmax(logits.float() / TEMPERATURE, dim=-1)
        return functional.normalize(shares @ self.class_vectors, dim=-1)

    def _read(self, captions: Sequence[str | None], sight: _Sight, image_of: NDArray[np.int64]) -> _Reading:
        """Read each different caption once, and fuse it with the images of its pairs."""
        count = len(captions)
        vectors, qualities = np.full((count, self.dim), np.nan, np.float32), np.full(count, np.nan)
        fused, matches = vectors.copy(), qualities.copy()
        texts, rows_of = rows_by_caption(captions)
        plain = np.empty((len(texts), self.dim), np.float32)
        for batch in self.sentences.encode(texts):
            members = [rows_of[place] for place in batch.captions]
            rows = np.concatenate([np.array(group) for group in members])
            slots = np.repeat(np.arange(len(members)), [len(group) for group in members])
            plain[batch.captions] = batch.vectors[: len(members)].cpu().numpy()
            vectors[rows] = centred(batch.vectors, self.centre).cpu().numpy()[slots]
            qualities[rows] = text_quality(batch.vectors.cpu().numpy())[slots]
            seen = image_of[rows] >= 0
            fused[rows[seen]], matches[rows[seen]] = self._fuse(batch, sight, slots[seen], image_of[rows[seen]])
        stripped = np.full((count, self.dim), np.nan, np.float32)
        for same, vector in zip(rows_of, self._strip(texts, plain), strict=True):
            stripped[same] = vector
        return _Reading(vectors, fused, qualities, stripped, matches)

    def _strip(self, texts: Sequence[str], vectors: Floats) -> Floats:
        """Encode again those of some texts (n, d) that SIEVE's phrases are removed from; NaN where nothing is left."""
        changed = {place: left for place, text in enumerate(texts) if (left := strip_phrases(text)) != text}
        stripped = vectors.copy()
        stripped[list(changed)] = np.nan
        places = [place for place, left in changed.items() if left.strip()]
        if places:
            stripped[places] = encode_all(self.sentences, [changed[place] for place in places]).cpu().numpy()
        return stripped

    def _consistency(
        self, captions: Floats, classes: NDArray[np.int64], image_of: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        consistency = np.full(len(captions), np.nan)
        seen = image_of >= 0
        consistency[seen] = best_cosines(captions[seen], self.class_names, classes[image_of[seen]])
        return consistency

    def _fuse(
        self, batch: SentenceBatch, sight: _Sight, slots: NDArray[np.int64], images: NDArray[np.int64]
    ) -> tuple[Floats, NDArray[np.float64]]:
        """Fuse caption `slots[i]` of a batch with image `images[i]`, in passes of the batch's own fixed size.

        Returns vectors (n, d), and what a trained head says of each pair (n,), NaN without one.
        """
        fused, matches = np.empty((len(slots), self.dim), np.float32), np.full(len(slots), np.nan)
        size = len(batch.valid)
        words, text = self._words(batch), centred(batch.vectors, self.centre)
        for start in range(0, len(slots), size):
            part = slice(start, start + size)
            slot, image = (torch.from_numpy(np.resize(places[part], size)) for places in (slots, images))
            rest = len(slots) - start
            if self.head is None:
                fused[part] = fuse(sight.tokens[image], words[slot], batch.valid[slot]).cpu().numpy()[:rest]
                continue
            vectors, match = self.head(self._sides(sight, text, words, batch.valid, (image, slot)))
            fused[part], matches[part] = vectors.cpu().numpy()[:rest], match.double().cpu().numpy()[:rest]
        return fused, matches

    def _words(self, batch: SentenceBatch) -> torch.Tensor:
        return centred(functional.normalize(batch.tokens, dim=-1), self.centre)

    def _sides(
        self,
        sight: _Sight,
        text: torch.Tensor,
        words: torch.Tensor,
        valid: torch.Tensor,
        places: tuple[torch.Tensor, torch.Tensor],
    ) -> Sides:
        """Put together what a head takes of pictures and captions, by their places."""
        image, slot = places
        cells = sight.cells[image]
        alignment = (sight.plain[image] * text[slot]).sum(dim=-1)
        return Sides(cells.mean(dim=1), cells, text[slot], words[slot], valid[slot], alignment)

    @torch.inference_mode()
    def sides(self, pixels: NDArray[np.uint8], captions: Sequence[str]) -> tuple[Sides, torch.Tensor]:
        """Give what a head learns from, of n pictures and as many captions; see `scores.Encoder`."""
        with turn(self.centre.device):
            sight = self._see(pixels)
            words = torch.zeros(len(captions), BUCKETS[-1], self.dim)
            valid = torch.zeros(len(captions), BUCKETS[-1], dtype=torch.bool)
            text = torch.empty(len(captions), self.dim)
            for batch in self.sentences.encode(captions):
                rows, length = torch.tensor(batch.captions), batch.valid.shape[1]
                words[rows, :length] = self._words(batch)[: len(rows)].cpu()
                valid[rows, :length] = batch.valid[: len(rows)].cpu()
                text[rows] = centred(batch.vectors, self.centre)[: len(rows)].cpu()
            own = torch.arange(len(captions))
            device, longest = self.centre.device, int(valid.sum(dim=1).max())
            words, valid = words[:, :longest].to(device), valid[:, :longest].to(device)
            return self._sides(sight, text.to(device), words, valid, (own, own)), sight.plain


@torch.inference_mode()
def encode_all(sentences: SentenceEncoder, texts: Sequence[str]) -> torch.Tensor:
    """Encode texts to unit vectors (n, d) float32, in their order."""
    places: list[int] = []
    vectors: list[torch.Tensor] = []
    for batch in sentences.encode(texts):
        places += batch.captions
        vectors.append(batch.vectors[: len(batch.captions)])
    return torch.cat(vectors)[torch.tensor(places).argsort()]


def _most_probable(logits: torch.Tensor) -> NDArray[np.int64]:
    """Return the places of the highest of each row's logits, of equal ones the first."""
    ordered = torch.sort(logits, dim=-1, descending=True, stable=True).indices
    return np.asarray(ordered[:, :SENTENCES].cpu().numpy())


def centred(vectors: torch.Tensor, centre: torch.Tensor) -> torch.Tensor:
    """Move vectors (…, d) to the centre of the class names, as unit vectors."""
    return functional.normalize(vectors - centre, dim=-1)
