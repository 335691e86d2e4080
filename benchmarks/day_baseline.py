"""A peer to measure against: webdataset, DataLoader and open_clip, as a good engineer writes it in a day.

It runs in an environment of its own (torch, torchvision, open_clip_torch, webdataset) and knows nothing of Pairsift.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import open_clip
import torch
import webdataset
from numpy.typing import NDArray

ARCHITECTURE = "ViT-B-32"
PRECISIONS = {"float32": "fp32", "bfloat16": "pure_bf16"}

Batch = tuple[list[str], torch.Tensor, torch.Tensor]
"""Keys, pixels and tokens."""

Arrays = tuple[list[str], NDArray[np.float32], NDArray[np.float32]]
"""Keys, and the embeddings of pictures and captions."""


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
        .map_tuple(str, transform, partial(tokenize_one, tokenize))
        .batched(options.batch_size)
    )
    loader = webdataset.WebLoader(dataset, batch_size=None, num_workers=options.workers)
    columns = zip(*embedded(model.eval(), loader, getattr(torch, options.dtype)), strict=True)
    keys, image, text = (np.concatenate(column) for column in columns)
    np.savez(options.out, keys=keys, image=image, text=text, similarity=(image * text).sum(axis=1))


def tokenize_one(tokenize: Callable[[list[str]], torch.Tensor], caption: str) -> torch.Tensor:
    """Tokenize one caption: (77,) int64."""
    return tokenize([caption])[0]


@torch.inference_mode()
def embedded(model: open_clip.CLIP, loader: Iterable[Batch], dtype: torch.dtype) -> Iterator[Arrays]:
    """Give the keys and the normalised (n, 512) float32 embeddings of every batch."""
    for keys, pixels, tokens in loader:
        image = model.encode_image(pixels.to(dtype), normalize=True)
        text = model.encode_text(tokens, normalize=True)
        yield keys, image.float().numpy(), text.float().numpy()


if __name__ == "__main__":
    main()
