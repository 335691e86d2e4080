"""What cannot be saved, for benchmarks.throughput: decoding, and the forward passes of networks and encoder."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.photo_pairs import photo_pairs
from benchmarks.sample_pictures import prepare
from pairsift.config import PreprocessConfig, ScoreConfig
from pairsift.core.images import Fit, decode_image
from pairsift.core.records import Reason
from pairsift.models.clip import Clip, bucketed, ends_of
from pairsift.models.conse import Conse
from pairsift.models.device import limit_threads, resolve
from pairsift.models.encoder import load_encoder, picture_fit
from pairsift.models.pictures import fit_picture
from pairsift.models.scores import Encoder
from pairsift.models.sentences import BUCKETS
from tasks.workplace import LANES

PAIRS = 256
REPEATS = 2
IMAGE_BATCHES = (4, 16, 32)
TEXT_BATCHES = (16, 64)


@dataclass(frozen=True, slots=True)
class BareCost:
    """CPU milliseconds a pair: decoding and scaling alone, both networks where they cost least, the whole encoder."""

    decoding_ms: float
    image_ms: float
    text_ms: float
    encoder_ms: float


def bare_cost(config: ScoreConfig) -> BareCost:
    """Time the passes on pairs with 500-px JPEGs, as many threads at once as the flow has lanes.

    The networks are those of the two sides on whole pictures and trimmed captions; the encoder adds what its embeddings
    need besides: with conse the classifier's head on every cell and the mixing of class vectors, always the fusion.
    """
    limit_threads(1)
    resolved = resolve(config)
    encoder, fit = load_encoder(resolved), picture_fit(resolved)
    pairs = list(photo_pairs(PAIRS))
    pixels, captions = prepared_pairs(pairs, fit)
    lengths = caption_lengths(encoder, captions)
    return BareCost(
        decoding_ms=cheapest(partial(decode, [image for _, image, _ in pairs], fit)),
        image_ms=min(cheapest(partial(see, encoder, pixels, size)) for size in IMAGE_BATCHES),
        text_ms=min(cheapest(partial(read, encoder, lengths, size)) for size in TEXT_BATCHES),
        encoder_ms=cheapest(partial(encoder.score, pixels, np.arange(PAIRS), captions)),
    )


def caption_lengths(encoder: Encoder, captions: Sequence[str]) -> list[int]:
    """Give the captions' lengths in tokens, in order."""
    if isinstance(encoder, Conse):
        return sorted(len(encoding.ids) for encoding in encoder.sentences.tokenizer.encode_batch(captions))
    clip = of_open_clip(encoder)
    return sorted(ends_of(clip.tokenizer(list(captions)), clip.padding).tolist())


def of_open_clip(encoder: Encoder) -> Clip:
    """Take the encoder for one of open_clip; TypeError if it is none."""
    if not isinstance(encoder, Clip):
        raise TypeError(f"the bare forward pass of {encoder.name} is not measured here")
    return encoder


def decode(images: Sequence[bytes], fit: Fit) -> None:
    """Decode pictures and bring them to the encoder's size, nothing else."""
    config = PreprocessConfig()
    for image in images:
        rgb = decode_image(image, config)
        if isinstance(rgb, Reason):
            raise TypeError(f"a picture cannot be decoded: {rgb}")
        fit_picture(rgb, fit)


def prepared_pairs(pairs: Iterable[tuple[str, bytes, str]], fit: Fit) -> tuple[NDArray[np.uint8], list[str]]:
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
def see(encoder: Encoder, pixels: NDArray[np.uint8], batch_size: int) -> None:
    """See the pictures: with conse the classifier's body and head, else the image tower; nothing else."""
    for start in range(0, len(pixels), batch_size):
        batch = torch.from_numpy(pixels[start : start + batch_size])
        if isinstance(encoder, Conse):
            encoder.classifier.logits(encoder.classifier.features(batch))
        else:
            of_open_clip(encoder).see(batch)


@torch.inference_mode()
def read(encoder: Encoder, lengths: Sequence[int], batch_size: int) -> None:
    """Read captions of these lengths, trimmed as the flow trims them: to their bucket."""
    if isinstance(encoder, Conse):
        read_sentences(encoder, lengths, batch_size)
        return
    clip = of_open_clip(encoder)
    for bucket, members in groupby(bucketed(np.array(lengths), clip.buckets).tolist()):
        count = len(list(members))
        for start in range(0, count, batch_size):
            clip.read(torch.ones((min(batch_size, count - start), bucket), dtype=torch.int64))


def read_sentences(encoder: Conse, lengths: Sequence[int], batch_size: int) -> None:
    """Run the sentence network of conse on captions of these lengths."""
    for bucket, members in groupby(lengths, key=lambda length: next(size for size in BUCKETS if size >= length)):
        trimmed = list(members)
        for start in range(0, len(trimmed), batch_size):
            part = torch.tensor(trimmed[start : start + batch_size])
            ids = torch.ones((len(part), bucket), dtype=torch.int64)
            mask = torch.arange(bucket)[None, :] < part[:, None]
            encoder.sentences.net(input_ids=ids, attention_mask=mask[:, None, None, :])
