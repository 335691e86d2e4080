"""How large the chunks of a partition are."""

_SHARERS = 32
"""Cores that a partition's chunks are shared by evenly. It is not what this host has: an attempt that goes on
elsewhere finds its chunks cut alike."""
_MULTIPLE = 16
"""On a CPU passes are of up to 16 pictures; a chunk that ends between them has one filled up with black."""


def even_size(pairs: int, largest: int) -> int:
    """Tell how many pairs a chunk has, so that cores share a partition's chunks evenly.

    At most `largest`, and a quarter of it at least: smaller ones cost more than they bring. The number of chunks is a
    power of two, as numbers of cores are, up to 32; of larger partitions there are as many as it takes.
    """
    chunks = 1
    while chunks < _SHARERS and pairs >= 2 * chunks * largest // 4:
        chunks *= 2
    share = -(-pairs // chunks)
    return min(largest, -(-share // _MULTIPLE) * _MULTIPLE) or largest
