"""What a good engineer writes in a day: webdataset, DataLoader workers that decode, open_clip. A peer to measure against.

It runs in an environment of its own (torch, torchvision, open_clip_torch, webdataset) and knows nothing of Pairsift.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
import webdataset

ARCHITECTURE = "ViT-B-32"
PRECISIONS = {"float32": "fp32", "bfloat16": "pure_bf16"}


def main() -> None:
    """Embed every pair of the shards and write keys, embeddings and similarities as one .npz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", nargs="+")
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--dtype", default="float32", choices=PRECISIONS)
    parser.add_argument("--batch-size", default=64, type=int)
    parser.add_argument("--workers", default=2, type=int)
    options = parser.parse_args()
    model, _, transform = open_clip.create_model_and_transforms(
        ARCHITECTURE, pretrained=options.checkpoint, precision=PRECISIONS[options.dtype]
    )
    tokenize = open_clip.get_tokenizer(ARCHITECTURE)
    dataset = (
        webdataset.WebDataset(options.shards, shardshuffle=False)
        .decode("pil")
        .to_tuple("__key__", "jpg", "txt")
        .map_tuple(str, transform, partial(first, tokenize))
        .batched(options.batch_size)
    )
    loader = webdataset.WebLoader(dataset, batch_size=None, num_workers=options.workers)
    columns = zip(*embedded(model.eval(), loader, getattr(torch, options.dtype)), strict=True)
    keys, image, text = (np.concatenate(column) for column in columns)
    np.savez(options.out, keys=keys, image=image, text=text, similarity=(image * text).sum(axis=1))


def first(tokenize: Any, caption: str) -> torch.Tensor:
    """Tokenize one caption: (77,) int64."""
    tokens: torch.Tensor = tokenize([caption])[0]
    return tokens


@torch.inference_mode()
def embedded(model: Any, loader: Any, dtype: torch.dtype) -> Iterator[tuple[Any, Any, Any]]:
    """Give the keys and the normalised (n, 512) float32 embeddings of every batch."""
    for keys, pixels, tokens in loader:
        image = model.encode_image(pixels.to(dtype), normalize=True)
        text = model.encode_text(tokens, normalize=True)
        yield keys, image.float().numpy(), text.float().numpy()


if __name__ == "__main__":
    main()
