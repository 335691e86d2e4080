"""Towers turned into int8 on pairs at hand: OpenVINO's graph, NNCF's post-training quantisation.

Import it after `quantised.report_nothing`.
"""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import nncf
import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from torch import nn

from pairsift.models.clip import Clip, bucketed, ends_of

Batches = list[NDArray[np.generic]]


def quantise_towers(clip: Clip, pixels: NDArray[np.uint8], captions: Sequence[str], folder: Path) -> None:
    """Write both towers of a float32 encoder in int8 into a folder, as `quantised.FILES`.

    Ranges come from the pictures (m, h, w, 3) and captions given. What is not a product of matrices, such as softmax,
    norms and the preparation of pixels, stays float32.
    """
    image, text = clip.see, clip.read
    if not isinstance(image, nn.Module) or not isinstance(text, nn.Module):
        raise TypeError("only towers of torch on a CPU can be quantised")
    _quantise(image, [pixels[place : place + 1] for place in range(len(pixels))], folder / "image.xml")
    _quantise(text, _token_ids(clip, captions), folder / "text.xml")


def _token_ids(clip: Clip, captions: Sequence[str]) -> Batches:
    """Cut captions as a run does; one a batch, since ranges are means over batches."""
    ids = clip.tokenizer(list(captions))
    ends = ends_of(ids, clip.padding)
    lengths = bucketed(ends, clip.buckets if clip.trimmable else (ids.shape[1],))
    return [row[None, :length].numpy() for row, length in zip(ids, lengths, strict=True)]


def _quantise(tower: nn.Module, batches: Batches, target: Path) -> None:
    with _quietly(), torch.inference_mode():
        graph = openvino.convert_model(tower, example_input=torch.from_numpy(np.repeat(batches[0], 2, axis=0)))
        graph.reshape(_any_rows(batches))
        made = nncf.quantize(
            graph, nncf.Dataset(batches), subset_size=len(batches), model_type=nncf.ModelType.TRANSFORMER
        )
    openvino.save_model(made, target, compress_to_fp16=False)


def _any_rows(batches: Batches) -> openvino.PartialShape:
    """The shape of a batch, whatever its number of rows, and of columns where they differ."""
    shapes = np.array([batch.shape[1:] for batch in batches])
    return openvino.PartialShape([-1, *(int(side[0]) if len(set(side)) == 1 else -1 for side in shapes.T)])


@contextmanager
def _quietly() -> Iterator[None]:
    """Send progress to standard error, and hear no warnings: they are about how torch is traced, which is checked."""
    with warnings.catch_warnings(), redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        yield
