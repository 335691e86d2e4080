"""The forward passes alone, for benchmarks.throughput: what the networks cost on pixels and tokens that are ready."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from pairsift.config import ScoreConfig
from pairsift.models.conse import Conse
from pairsift.models.device import limit_threads, resolve
from pairsift.models.encoder import load_encoder
from pairsift.models.sentences import BUCKETS
from tasks.score import LANES

BATCH_SIZES = (4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class BareCost:
    """CPU milliseconds a pair, and the batch size that gave least."""

    image_ms: float
    image_batch: int
    text_ms: float
    text_batch: int

    @property
    def pair_ms(self) -> float:
        """Both networks."""
        return self.image_ms + self.text_ms


def bare_cost(config: ScoreConfig, pixels: NDArray[np.uint8], captions: Sequence[str], repeats: int = 2) -> BareCost:
    """Time both networks at every batch size; the least CPU time of each counts.

    As in the flow, one thread a core is at work: cores that share a cache or an execution unit slow each other down.
    """
    limit_threads(1)
    encoder = load_encoder(resolve(config))
    if not isinstance(encoder, Conse):
        raise TypeError(f"the bare forward pass of {encoder.name} is not measured here")
    lengths = sorted(len(encoding.ids) for encoding in encoder.sentences.tokenizer.encode_batch(list(captions)))
    images = {size: cheapest(partial(see, encoder, pixels, size), repeats) / len(pixels) for size in BATCH_SIZES}
    texts = {size: cheapest(partial(read, encoder, lengths, size), repeats) / len(captions) for size in BATCH_SIZES}
    image_batch, text_batch = min(images, key=images.__getitem__), min(texts, key=texts.__getitem__)
    return BareCost(1e3 * images[image_batch], image_batch, 1e3 * texts[text_batch], text_batch)


def cheapest(work: Callable[[], None], repeats: int) -> float:
    """Least CPU seconds of the work over some repeats, done on every lane at once."""
    seconds = []
    with ThreadPoolExecutor(LANES) as lanes:
        for _ in range(repeats):
            before = time.process_time()
            for done in [lanes.submit(work) for _ in range(LANES)]:
                done.result()
            seconds.append((time.process_time() - before) / LANES)
    return min(seconds)


@torch.inference_mode()
def see(encoder: Conse, pixels: NDArray[np.uint8], batch_size: int) -> None:
    """Classify the pictures: body and head, nothing else."""
    for start in range(0, len(pixels), batch_size):
        encoder.classifier.logits(encoder.classifier.features(pixels[start : start + batch_size]))


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
