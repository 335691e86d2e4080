"""What a pair costs in int8 and in float32, in CPU time on one thread; the towers must have been quantised before.

python -m benchmarks.int8_cost ENCODER [PAIRS]
"""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.derived import derived_pairs
from benchmarks.sample_pictures import prepare
from pairsift.config import ScoreConfig
from pairsift.models.clip import Clip, Tower
from pairsift.models.device import limit_threads, resolve
from pairsift.models.encoder import load_encoder, picture_fit

REPEATS = 5
PICTURES = (1, 4, 8, 16, 32)
CAPTIONS = ((8, 64), (16, 32), (24, 21))
"""Tokens and rows of a pass."""
DTYPES = ("float32", "int8")


def main(encoder: str, pairs: int) -> None:
    """Print CPU milliseconds: a pair through the whole encoder, a picture and a caption through the bare towers."""
    limit_threads(1)
    configs = [resolve(ScoreConfig(encoder=encoder, device="cpu", dtype=dtype)) for dtype in DTYPES]
    clips = [load_encoder(config) for config in configs]
    prepared = prepare(derived_pairs(pairs), picture_fit(configs[0]))
    pixels = np.stack([pair.pixels for pair in prepared if pair.pixels is not None])
    captions = [pair.caption for pair in prepared]
    passes = [partial(clip.score, pixels, np.arange(len(pixels)), captions) for clip in clips]
    _tell("a pair, Clip.score", cheapest(passes, pairs, repeats=3))
    for rows in PICTURES:
        batch = torch.from_numpy(pixels[:rows])
        _tell(f"a picture, {rows} a pass", cheapest([partial(_pass, _of(clip).see, batch) for clip in clips], rows))
    for length, rows in CAPTIONS:
        ids = _of(clips[0]).tokenizer([str(caption) for caption in captions[:rows]])[:, :length].contiguous()
        work = [partial(_pass, _of(clip).read, ids) for clip in clips]
        _tell(f"a caption of {length} tokens, {rows} a pass", cheapest(work, rows))


def cheapest(works: Sequence[Callable[[], object]], count: int, repeats: int = REPEATS) -> NDArray[np.float64]:
    """Least CPU milliseconds a thing of each work, done in turn so that a busy machine treats them alike."""
    seconds = np.full((repeats, len(works)), np.inf)
    for work in works:
        work()
    for turn in range(repeats):
        for place, work in enumerate(works):
            before = time.process_time()
            work()
            seconds[turn, place] = time.process_time() - before
    least: NDArray[np.float64] = 1e3 * seconds.min(axis=0) / count
    return least


@torch.inference_mode()
def _pass(tower: Tower, batch: torch.Tensor) -> None:
    tower(batch)


def _of(encoder: object) -> Clip:
    if not isinstance(encoder, Clip):
        raise TypeError("only encoders of open_clip have towers in int8")
    return encoder


def _tell(what: str, ms: NDArray[np.float64]) -> None:
    print(f"{what}: {ms[0]:.2f} ms in float32, {ms[1]:.2f} ms in int8, ratio {ms[0] / ms[1]:.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 128)
