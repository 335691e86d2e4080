import pytest

from pairsift.core.chunking import even_size


@pytest.mark.parametrize(
    ("pairs", "size"),
    [
        (0, 512),  # no chunk at all
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
    assert even_size(pairs, 512) == size


@pytest.mark.parametrize("cores", [1, 2, 4, 8])
def test_no_core_waits_for_more_than_a_quarter_of_the_work(cores: int):
    for pairs in range(1_024, 20_000, 97):
        size = even_size(pairs, 512)
        chunks = -(-pairs // size)
        rounds = -(-chunks // cores)

        assert rounds * size * cores <= 1.25 * pairs
