"""Pictures on their way to a device: in batches of one size, the next one copied while this one is worked on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

LEAST_BATCH = 1
FIRST_BATCH = 64
LARGEST_BATCH = 2048
WORTH_DOUBLING = 1.03
"""A batch twice as large must be this much faster a picture to be taken."""
ROOM = 0.5
"""Share of the device's memory that a batch found by trying may take: lanes, captions and fusion need some, too."""


def filled(pixels: NDArray[np.uint8], size: int) -> torch.Tensor:
    """Copy up to `size` pictures (m, h, w, 3) into a batch of just `size`: the rest is black, so the shape is fixed."""
    batch = torch.empty((size, *pixels.shape[1:]), dtype=torch.uint8)
    _fill(batch, pixels)
    return batch


def _fill(batch: torch.Tensor, pixels: NDArray[np.uint8]) -> None:
    array = batch.numpy()
    array[: len(pixels)] = pixels
    array[len(pixels) :] = 0


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch on its way: pictures `start` and on, `size` of them, there when `arrived` is."""

    start: int
    size: int
    batch: torch.Tensor
    arrived: torch.cuda.Event


class PictureFeed:
    """Hands out batches of pictures (m, h, w, 3) uint8 on a device.

    On CUDA a batch goes through pinned memory on a stream of its own, so that a batch that was announced by `announce`
    is copied while the device computes. Elsewhere nothing overlaps and `announce` does nothing.
    """

    def __init__(self, pixels: NDArray[np.uint8], device: torch.device) -> None:
        self._pixels = pixels
        self._device = device
        on_cuda = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if on_cuda else None  # type: ignore[no-untyped-call] # torch's own gap
        self._sent: _Sent | None = None

    def batch(self, start: int, size: int) -> torch.Tensor:
        """Give pictures `start` up to `start + size`, black ones behind the last."""
        if self._stream is None:
            return filled(self._pixels[start : start + size], size)
        sent, self._sent = self._sent, None
        if sent is None or (sent.start, sent.size) != (start, size):
            sent = self._send(start, size, self._stream)
        here = torch.cuda.current_stream(self._device)
        here.wait_event(sent.arrived)
        sent.batch.record_stream(here)
        return sent.batch

    def announce(self, start: int, size: int) -> None:
        """Say which batch will be asked for next."""
        if self._stream is not None and start < len(self._pixels):
            self._sent = self._send(start, size, self._stream)

    def _send(self, start: int, size: int, stream: torch.cuda.Stream) -> _Sent:
        pinned = torch.empty((size, *self._pixels.shape[1:]), dtype=torch.uint8, pin_memory=True)
        _fill(pinned, self._pixels[start : start + size])
        with torch.cuda.stream(stream):
            sent = pinned.to(self._device, non_blocking=True)
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call] # torch's own gap
            arrived.record(stream)
        return _Sent(start, size, sent, arrived)


class BatchSize:
    """The pictures of a pass: fixed, but halved when they do not fit the device's memory."""

    def __init__(self, size: int) -> None:
        self.size = size

    def halve(self, error: torch.OutOfMemoryError) -> None:
        """Take half as many from now on; where there is nothing to halve the device's error is raised again."""
        if self.size <= LEAST_BATCH:
            raise error
        self.size //= 2
        torch.cuda.empty_cache()


def find_batch_size(seconds_of: Callable[[int], float], has_room: Callable[[], bool]) -> int:
    """Double a batch from 64 pictures on until memory or throughput says stop; return the last one that paid.

    `seconds_of` times a pass of so many pictures and raises OutOfMemoryError where they do not fit; `has_room` says
    after it whether twice as many may be tried.
    """
    best, rate = FIRST_BATCH, 0.0
    size = FIRST_BATCH
    while size <= LARGEST_BATCH:
        try:
            tried = size / seconds_of(size)
        except torch.OutOfMemoryError:
            break
        if tried < rate * WORTH_DOUBLING:
            break
        best, rate = size, tried
        if not has_room():
            break
        size *= 2
    return best
