"""Towers in int8, computed by OpenVINO; import it after `quantised.report_nothing`."""

from pathlib import Path
from threading import local

import openvino
import torch

from pairsift.models.device import CORES
from pairsift.models.quantised import Quantised
from pairsift.models.towers import Pair

STREAMS = CORES
"""One for every lane, each with one thread: lanes that share a stream would wait for each other."""
_PLAIN = {
    "NUM_STREAMS": STREAMS,
    "INFERENCE_NUM_THREADS": STREAMS,
    "ENABLE_HYPER_THREADING": True,
    "ENABLE_CPU_PINNING": False,  # other work of the lanes runs on the same cores
    "INFERENCE_PRECISION_HINT": "f32",  # what is not int8: else it would be bfloat16 where the processor has it
}


class Int8Tower:
    """One tower as OpenVINO runs it: a batch to unit vectors (b, d) and unit tokens (b, k, d), float32.

    Safe to call from several threads. Any number of rows goes through one model: products of int8 are exact, and the
    rest is computed row by row, so a row's bits do not depend on the others (ViT-B/32: a batch of one shape is 2 %
    faster with pictures if the shape is fixed, 8 % with captions, at the price of one copy of the weights a shape).
    """

    def __init__(self, xml: Path, weights: Path) -> None:
        core = openvino.Core()
        self._compiled = core.compile_model(core.read_model(xml, weights), "CPU", _PLAIN)
        self._own = local()

    def __call__(self, batch: torch.Tensor, /) -> Pair:
        """Encode a batch."""
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        vectors, tokens = self._own.request.infer({0: batch.numpy()}, share_inputs=True).to_tuple()
        return torch.from_numpy(vectors), torch.from_numpy(tokens)


def load_towers(found: Quantised) -> tuple[Int8Tower, Int8Tower]:
    """Load the image and the text tower."""
    image, text = (Int8Tower(found.file(f"{name}.xml"), found.file(f"{name}.bin")) for name in ("image", "text"))
    return image, text
