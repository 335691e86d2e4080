"""What a pair costs one core in each dtype, beside open_clip as it comes: from JPEG bytes to embeddings.

`python -m benchmarks.dtypes` takes a model of random weights, and needs no Prefect and no database. bfloat16 pays only
where the processor has it (AMX, or AMD's AVX-512): it is measured wherever it runs.
"""

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image

from benchmarks.gpu import random_checkpoint
from benchmarks.photo_pairs import photo_pairs
from benchmarks.sample_pictures import prepare
from pairsift.config import ScoreConfig
from pairsift.models.device import limit_threads, resolve
from pairsift.models.encoder import load_encoder, picture_fit

REPEATS = 3
Pairs = Sequence[tuple[str, bytes, str]]


def main() -> None:
    """Print the CPU milliseconds a pair as JSON, medians of runs that alternate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="ViT-B-32")
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    options = parser.parse_args()
    limit_threads(1)
    pairs = list(photo_pairs(options.pairs))
    with tempfile.TemporaryDirectory() as folder:
        path = random_checkpoint(options.model, Path(folder))
        works = {"open_clip as it comes": as_it_comes(options.model, path, pairs)}
        for dtype in options.dtypes:
            config = {"encoder": f"open_clip:{options.model}:{path}", "device": "cpu", "dtype": dtype}
            works[f"pairsift {dtype}"] = as_here(ScoreConfig.model_validate(config), pairs)
    works["pairsift, preparation alone"] = lambda: prepare(pairs, picture_fit(ScoreConfig()))
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(REPEATS):
        for name, work in works.items():
            started = time.process_time()
            work()
            seconds[name].append(time.process_time() - started)
    costs = {name: round(1e3 * float(np.median(taken)) / len(pairs), 2) for name, taken in seconds.items()}
    print(json.dumps({"processor": dict(torch.cpu.get_capabilities()), "CPU ms a pair": costs}))


def as_it_comes(model: str, checkpoint: Path, pairs: Pairs) -> Callable[[], object]:
    """Decode, preprocess and encode as open_clip's own examples do: batches of 64, captions padded to 77 tokens."""
    net, _, preprocess = open_clip.create_model_and_transforms(model, pretrained=str(checkpoint))
    net.eval()
    tokenizer = open_clip.get_tokenizer(model)

    @torch.inference_mode()
    def work() -> None:
        for start in range(0, len(pairs), 64):
            part = pairs[start : start + 64]
            pictures = torch.stack([preprocess(Image.open(io.BytesIO(image))) for _, image, _ in part])
            net.encode_image(pictures, normalize=True)
            net.encode_text(tokenizer([caption for *_, caption in part]), normalize=True)

    return work


def as_here(config: ScoreConfig, pairs: Pairs) -> Callable[[], object]:
    """Prepare and score as the tasks do."""
    encoder, fit = load_encoder(resolve(config)), picture_fit(config)

    def work() -> None:
        prepared = prepare(pairs, fit)
        pixels = np.stack([one.pixels for one in prepared if one.pixels is not None])
        encoder.score(pixels, np.arange(len(pixels)), [one.caption for one in prepared])

    return work


if __name__ == "__main__":
    main()
