"""The sample's different pictures, each with the caption that was written for it, prepared and encoded as in a run."""

import csv
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pairsift.config import PreprocessConfig, ScoreConfig
from pairsift.core.consistency import best_cosines
from pairsift.core.images import SQUARE, Fit
from pairsift.core.measuring import encodable_caption
from pairsift.core.preprocessing import Prepared, PreparedImage, prepare_image, prepare_pairs
from pairsift.core.records import Cleaner, IngestedPair
from pairsift.models.conse import Conse
from pairsift.models.device import limit_threads, resolve
from pairsift.models.encoder import load_encoder
from pairsift.models.pictures import fit_picture
from pairsift.models.scores import Encoder, Scores

SAMPLE = Path(__file__).resolve().parents[1] / "examples" / "sample"


@dataclass(frozen=True, slots=True)
class HonestPair:
    """One picture of the sample with its own caption; `kind` is photo or drawing."""

    key: str
    kind: str
    prepared: Prepared


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder says of the n honest pairs, in their order, and its CPU time.

    `consistency` (n, n) float64 is text.semantic_consistency of every picture with every caption.
    """

    scores: Scores
    consistency: NDArray[np.float64]
    cpu_ms_per_pair: float


def read_honest_pairs() -> list[HonestPair]:
    """Read every picture of `captions.csv` with the caption of its row.

    The table holds honest captions only; what `build.py` plants (swapped captions, file names) is made from it.
    """
    with (SAMPLE / "captions.csv").open(newline="", encoding="utf-8") as file:
        return [_read_pair(row["key"], row["kind"], row["caption"]) for row in csv.DictReader(file)]


def _read_pair(key: str, kind: str, caption: str) -> HonestPair:
    (path,) = (path for path in (SAMPLE / "folder").glob(f"{key}.*") if path.suffix != ".txt")
    (prepared,) = prepare([(key, path.read_bytes(), caption)])
    return HonestPair(key, kind, prepared)


def prepare(pairs: Iterable[tuple[str, bytes, str]], fit: Fit = SQUARE) -> list[Prepared]:
    """Prepare (key, image, caption) pairs, all of different pictures, as a run does by default."""
    ingested: list[IngestedPair] = []
    images: dict[str, bytes] = {}
    for key, image, caption in pairs:
        ingested.append(IngestedPair(len(ingested), key, key, None, key, caption.encode()))
        images[key] = image
    config, fitted = PreprocessConfig(), partial(fit_picture, fit=fit)

    def picture(pair: IngestedPair) -> PreparedImage:
        return prepare_image(images[pair.key], config, fitted)

    return list(prepare_pairs(ingested, picture, config, Cleaner.DEFAULT))


def encode(pairs: Sequence[HonestPair], config: ScoreConfig) -> Encoded:
    """Encode pairs on one thread; the time is that of the fastest of three passes, without loading."""
    limit_threads(1)
    pixels = np.stack([pair.prepared.pixels for pair in pairs if pair.prepared.pixels is not None])
    captions = [encodable_caption(pair.prepared.caption, pair.prepared.measurement) for pair in pairs]
    unusable = [pair.key for pair, caption in zip(pairs, captions, strict=True) if caption is None]
    if unusable or len(pixels) < len(pairs):
        raise ValueError(f"the sample's honest pairs must all be measurable; captions are not: {unusable}")
    encoder, rows = load_encoder(resolve(config)), np.arange(len(pairs))
    passes = [_timed_pass(encoder, pixels, rows, captions) for _ in range(3)]
    consistency = _every_consistency(encoder, pixels, [caption for caption in captions if caption is not None])
    return Encoded(passes[0][0], consistency, 1000 * min(seconds for _, seconds in passes) / len(pairs))


def _every_consistency(encoder: Encoder, pixels: NDArray[np.uint8], captions: Sequence[str]) -> NDArray[np.float64]:
    """Measure it of n² pairs; NaN if the encoder has no such signal.

    The encoder's own parts are used: as pairs, all would be fused, too.
    """
    count = len(captions)
    if not isinstance(encoder, Conse):
        return np.full((count, count), np.nan)
    with torch.inference_mode():
        sight = encoder._see(pixels)  # noqa: SLF001 - see above
        reading = encoder._read(captions, sight, np.full(count, -1))  # noqa: SLF001 - see above
    rows = [best_cosines(reading.stripped, encoder.class_names, np.tile(shown, (count, 1))) for shown in sight.classes]
    return np.stack(rows)


def _timed_pass(
    encoder: Encoder, pixels: NDArray[np.uint8], rows: NDArray[np.int64], captions: Sequence[str | None]
) -> tuple[Scores, float]:
    start = time.process_time()
    scores = encoder.score(pixels, rows, captions)
    return scores, time.process_time() - start
