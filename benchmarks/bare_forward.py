"""The forward passes alone, for benchmarks.throughput: the cost of networks and encoder on pixels at hand."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.derived import derived_pairs
from benchmarks.sample_pictures import prepare
from pairsift.config import ScoreConfig
from pairsift.core.images import SQUARE, Fit
from pairsift.models.conse import Conse
from pairsift.models.device import limit_threads, resolve
from pairsift.models.encoder import load_encoder
from pairsift.models.sentences import BUCKETS
from tasks.workplace import LANES

PAIRS = 256
REPEATS = 2
IMAGE_BATCHES = (4, 8, 16, 32)
TEXT_BATCHES = (16, 32, 64)


@dataclass(frozen=True, slots=True)
class BareCost:
    """CPU milliseconds a pair: both networks at the batch sizes that cost least, and the whole encoder."""

    image_ms: float
    text_ms: float
    encoder_ms: float


def bare_cost(config: ScoreConfig) -> BareCost:
    """Time the forward passes on derived pairs, as many threads at once as the flow has lanes.

    The networks are the classifier on whole pictures and the sentence encoder; the encoder adds what its embeddings
    need besides: the classifier's head on every cell, the mixing of class vectors, the fusion.
    """
    limit_threads(1)
    encoder = load_encoder(resolve(config))
    if not isinstance(encoder, Conse):
        raise TypeError(f"the bare forward pass of {encoder.name} is not measured here")
    pixels, captions = prepared_pairs(derived_pairs(PAIRS))
    lengths = sorted(len(encoding.ids) for encoding in encoder.sentences.tokenizer.encode_batch(captions))
    return BareCost(
        image_ms=min(cheapest(partial(see, encoder, pixels, size)) for size in IMAGE_BATCHES),
        text_ms=min(cheapest(partial(read, encoder, lengths, size)) for size in TEXT_BATCHES),
        encoder_ms=cheapest(partial(encoder.score, pixels, np.arange(PAIRS), captions)),
    )


def prepared_pairs(pairs: Iterable[tuple[str, bytes, str]], fit: Fit = SQUARE) -> tuple[NDArray[np.uint8], list[str]]:
    """Give the pixels and captions that the flow's encoder would get of (key, image file, caption)."""
    prepared = prepare(pairs, fit)
    pixels = np.stack([pair.pixels for pair in prepared if pair.pixels is not None])
    return pixels, [pair.caption for pair in prepared if pair.caption is not None]


def cheapest(work: Callable[[], object]) -> float:
    """Least CPU milliseconds a pair over some repeats, done on every lane at once."""
    seconds = []
    with ThreadPoolExecutor(LANES) as lanes:
        for _ in range(REPEATS):
            before = time.process_time()
            for done in [lanes.submit(work) for _ in range(LANES)]:
                done.result()
            seconds.append(time.process_time() - before)
    return 1e3 * min(seconds) / LANES / PAIRS


@torch.inference_mode()
def see(encoder: Conse, pixels: NDArray[np.uint8], batch_size: int) -> None:
    """Classify the pictures: body and head, nothing else."""
    for start in range(0, len(pixels), batch_size):
        encoder.classifier.logits(encoder.classifier.features(torch.from_numpy(pixels[start : start + batch_size])))


@torch.inference_mode()
def read(encoder: Conse, lengths: Sequence[int], batch_size: int) -> None:
    """Run the sentence network on captions of these lengths, trimmed as the flow trims them: to their bucket."""
    for bucket, members in groupby(lengths, key=lambda length: next(size for size in BUCKETS if size >= length)):
        trimmed = list(members)
        for start in range(0, len(trimmed), batch_size):
            part = torch.tensor(trimmed[start : start + batch_size])
            ids = torch.ones((len(part), bucket), dtype=torch.int64)
            mask = torch.arange(bucket)[None, :] < part[:, None]
            encoder.sentences.net(input_ids=ids, attention_mask=mask[:, None, None, :])
