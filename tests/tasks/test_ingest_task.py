import hashlib
from pathlib import Path

import pytest

from pairsift.adapters.pairlist import read_pairs
from pairsift.adapters.store.rows import Claim
from pairsift.config import PartitionJob
from pairsift.errors import ContainerDamagedError
from tasks.ingest import ingest_partition
from tasks.preprocess import preprocess_chunk
from tasks.score import score_chunk
from tests.tasks.shards import cut, damage_after, pairs_of, write_shard
from tests.tasks.steps import claimed, folder_of, planned, scored


def test_lists_every_pair_of_the_shard_once_and_in_its_order(job: PartitionJob, claim: Claim):
    ingested = ingest_partition.fn(job, folder_of(claim))

    listed = list(read_pairs(Path(ingested.pair_list), 0, ingested.pairs))
    assert [pair.key[-2:] for pair in listed] == ["01", "02", "03", "04", "05", "06", "07", "49", "61"]
    assert [pair.ordinal for pair in listed] == list(range(9))
    assert ingested.pairs == 9
    assert ingested.damage == ()


def test_says_of_every_image_where_its_bytes_lie_and_their_sha256(job: PartitionJob, claim: Claim, shard: Path):
    ingested = ingest_partition.fn(job, folder_of(claim))

    data = shard.read_bytes()
    for pair in read_pairs(Path(ingested.pair_list), 0, ingested.pairs):
        assert pair.image is not None
        image = data[pair.image.offset : pair.image.offset + pair.image.size]
        assert hashlib.sha256(image).hexdigest() == pair.image_sha256


def test_cuts_the_pairs_into_chunks_that_leave_none_out_and_overlap_nowhere(job: PartitionJob, claim: Claim):
    ingested = ingest_partition.fn(job, folder_of(claim))

    assert [(chunk.number, chunk.start, chunk.stop) for chunk in ingested.chunks] == [(0, 0, 4), (1, 4, 8), (2, 8, 9)]
    assert len(set(ingested.fingerprints)) == 3


def test_counts_the_damage_that_the_config_allows(tmp_path: Path):
    shard = cut(tmp_path / "cut" / "a.tar", range(1, 10))
    damage_after(shard, 6)
    job = planned(shard)

    ingested = ingest_partition.fn(job, folder_of(claimed(job)))

    assert ingested.pairs == 6
    assert len(ingested.damage) == 1


def test_refuses_a_shard_of_which_more_is_lost_than_the_config_allows(tmp_path: Path):
    shard = cut(tmp_path / "cut" / "a.tar", range(1, 10))
    damage_after(shard, 6)
    job = planned(shard, ingest={"lost_pairs": 0, "lost_share": 0.05})

    with pytest.raises(ContainerDamagedError, match="damage cost 1 of 7 pairs"):
        ingest_partition.fn(job, folder_of(claimed(job)))


def test_recognises_the_chunks_that_an_earlier_attempt_has_scored(job: PartitionJob, claim: Claim):
    first = ingest_partition.fn(job, folder_of(claim))
    score_chunk.fn(job, claim, preprocess_chunk.fn(job, first, first.chunks[1]))

    again = ingest_partition.fn(job, folder_of(claimed(job)))

    assert [chunk.ledgered for chunk in again.chunks] == [False, True, False]
    assert again.fingerprints == first.fingerprints


def test_has_a_chunk_scored_again_whose_file_is_gone_or_damaged(job: PartitionJob, claim: Claim, storage: Path):
    scored(job, claim)
    first, second, _ = sorted((storage / "chunks").rglob("*.parquet"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1] + b"!")

    again = ingest_partition.fn(job, folder_of(claimed(job)))

    assert {chunk.fingerprint for chunk in again.chunks if not chunk.ledgered} == {first.stem, second.stem}


def test_another_limit_of_preprocessing_makes_other_chunks(shard: Path):
    one = planned(shard)
    other = planned(shard, preprocess={"max_image_pixels": 1_000_000})

    ours = ingest_partition.fn(one, folder_of(claimed(one))).fingerprints
    theirs = ingest_partition.fn(other, folder_of(claimed(other))).fingerprints

    assert set(ours).isdisjoint(theirs)


def test_cuts_a_partition_evenly_where_no_size_is_told(tmp_path: Path):
    (members,) = pairs_of([1]).values()
    shard = write_shard(tmp_path / "a.tar", {f"{number:03d}": members for number in range(300)})
    job = planned(shard, chunk_pairs="auto")

    ingested = ingest_partition.fn(job, folder_of(claimed(job)))

    assert [(chunk.start, chunk.stop) for chunk in ingested.chunks] == [(0, 160), (160, 300)]
