from typing import Literal

import pytest

from pairsift.core.chunking import chunk_size


@pytest.mark.parametrize(
    ("pairs", "size"),
    [
        (0, 16),  # no chunk at all
        (1, 16),
        (223, 224),  # one chunk: two would have 112 pairs, less than a quarter of 512
        (255, 256),
        (256, 128),  # two
        (384, 192),
        (1_000, 256),  # four: eight would have 125
        (1_024, 128),  # eight
        (10_000, 320),  # 32 of 312.5, in whole passes
        (16_384, 512),
        (100_000, 512),  # 196: as many as it takes
    ],
)
def test_cores_share_a_partition_s_chunks_evenly(pairs: int, size: int):
    assert chunk_size("auto", pairs, "cpu") == size


@pytest.mark.parametrize("cores", [1, 2, 4, 8])
def test_no_core_waits_for_more_than_a_quarter_of_the_work(cores: int):
    for pairs in range(1_024, 20_000, 97):
        size = chunk_size("auto", pairs, "cpu")
        chunks = -(-pairs // size)
        rounds = -(-chunks // cores)

        assert rounds * size * cores <= 1.25 * pairs


@pytest.mark.parametrize(
    ("asked", "device", "size"), [(100, "cpu", 100), (100, "cuda:1", 100), ("auto", "cuda:1", 2_048)]
)
def test_a_size_that_was_asked_for_and_whole_passes_of_a_gpu_stay(asked: int | Literal["auto"], device: str, size: int):
    assert chunk_size(asked, 1_000, device) == size
