"""CUDA graphs: the kernels of a network's pass, recorded once for a shape and replayed without Python between."""

from typing import Any

import torch
from torch import nn

from pairsift.models.towers import Pair

WARM_UPS = 3


class Replayed(nn.Module):
    """Does what a network of one input and two outputs does, by a CUDA graph for each shape of the input.

    A short text pass has some 150 kernels of microseconds each: launched one by one, the device waits for Python. All
    shapes share their memory: what is returned is overwritten by the next pass. Inputs on a CPU go to the network
    itself.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._recorded: dict[tuple[int, ...], _Recording] = {}
        self._pool: object = None

    def forward(self, batch: torch.Tensor) -> Pair:
        """Pass a batch through the network, or through its recording."""
        if batch.device.type != "cuda":
            outputs: Pair = self.network(batch)
            return outputs
        shape = tuple(batch.shape)
        if shape not in self._recorded:
            self._recorded[shape] = _Recording(self.network, batch, self._pool)
            self._pool = self._recorded[shape].pool
        return self._recorded[shape].replay(batch)


class _Recording:
    """One graph with its fixed input and outputs."""

    def __init__(self, network: nn.Module, sample: torch.Tensor, pool: Any) -> None:  # noqa: ANN401 - torch's handle
        self._input = sample.clone()
        self._graph = torch.cuda.CUDAGraph()
        # Libraries choose their kernels and set up their workspaces in the first passes, which no graph may hold.
        stream = torch.cuda.Stream(sample.device)  # type: ignore[no-untyped-call] # torch's own gap
        stream.wait_stream(torch.cuda.current_stream(sample.device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                network(self._input)
        torch.cuda.current_stream(sample.device).wait_stream(stream)
        # Other threads pin memory meanwhile, which only forbids a recording that listens to all of them.
        with torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"):
            self._outputs: Pair = network(self._input)
        self.pool = self._graph.pool()

    def replay(self, batch: torch.Tensor) -> Pair:
        self._input.copy_(batch)
        self._graph.replay()
        return self._outputs
