"""How large the chunks of a partition are; no result depends on it."""

from typing import Literal

CPU_CHUNK_PAIRS = 512
"""10 to 60 seconds of a core's work."""
CUDA_CHUNK_PAIRS = 2_048
"""A second of a GPU's work, and whole passes of it."""
_LEAST = CPU_CHUNK_PAIRS // 4
"""Smaller chunks cost more than they bring."""
_SHARERS = 32
"""Cores that a partition's chunks are shared by evenly. It is not what this host has: an attempt that goes on
elsewhere finds its chunks cut alike."""
_MULTIPLE = 16
"""On a CPU passes are of up to 16 pictures; a chunk that ends between them has one filled up with black."""


def chunk_size(asked: int | Literal["auto"], pairs: int, device: str) -> int:
    """Tell how many pairs a chunk of a partition of so many has, where a number or `auto` was asked for.

    `device` is the resolved name of what scores.
    """
    if asked != "auto":
        return asked
    return CUDA_CHUNK_PAIRS if device.startswith("cuda") else _even_size(pairs)


def _even_size(pairs: int) -> int:
    """Share a partition evenly: a power of two of chunks, as numbers of cores are, or as many as a large one takes."""
    chunks = 1
    while chunks < _SHARERS and pairs // (2 * chunks) >= _LEAST:
        chunks *= 2
    whole_passes = -(-pairs // chunks // _MULTIPLE) * _MULTIPLE
    return min(CPU_CHUNK_PAIRS, max(_MULTIPLE, whole_passes))
