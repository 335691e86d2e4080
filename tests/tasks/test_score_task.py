from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, func, select

from pairsift.adapters.chunks import read_chunk
from pairsift.adapters.store.protocol import ledgered_chunks
from pairsift.adapters.store.rows import ChunkRow, Claim
from pairsift.adapters.store.tables import chunk as chunk_table
from pairsift.config import PartitionJob
from pairsift.errors import Fenced
from tasks.ingest import ingest_partition
from tasks.preprocess import preprocess_chunk
from tasks.score import score_chunk
from tests.tasks.steps import claimed, folder_of


class PowerLossError(Exception):
    """Ends a step as the loss of power would."""


def test_a_chunks_file_is_whole_before_the_ledger_names_it(
    job: PartitionJob, claim: Claim, store: Engine, storage: Path, monkeypatch: pytest.MonkeyPatch
):
    ingested = ingest_partition.fn(job, folder_of(claim))
    prepared = preprocess_chunk.fn(job, ingested, ingested.chunks[0])

    def lose_power(engine: Engine, held: Claim, row: ChunkRow) -> None:  # noqa: ARG001 - the ledger's signature
        assert read_chunk(storage / row.uri).uids
        raise PowerLossError

    monkeypatch.setattr("tasks.score.record_chunk", lose_power)
    with pytest.raises(PowerLossError):
        score_chunk.fn(job, claim, prepared)

    assert ledgered_chunks(store, claim.partition_id, ingested.fingerprints) == {}
    assert Path(prepared.pixels).is_file()


def test_a_repeated_call_after_a_lost_reply_leaves_one_row_and_the_same_bytes(
    job: PartitionJob, claim: Claim, store: Engine, storage: Path
):
    ingested = ingest_partition.fn(job, folder_of(claim))
    first = ingested.chunks[0]
    score_chunk.fn(job, claim, preprocess_chunk.fn(job, ingested, first))
    row = ledgered_chunks(store, claim.partition_id, [first.fingerprint])[first.fingerprint]
    written = (storage / row.uri).read_bytes()

    score_chunk.fn(job, claim, preprocess_chunk.fn(job, ingested, first))

    assert ledgered_chunks(store, claim.partition_id, [first.fingerprint]) == {first.fingerprint: row}
    assert (storage / row.uri).read_bytes() == written
    with store.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(chunk_table)) == 1


def test_scratch_pixels_are_gone_once_the_chunk_is_scored(job: PartitionJob, claim: Claim):
    ingested = ingest_partition.fn(job, folder_of(claim))
    prepared = preprocess_chunk.fn(job, ingested, ingested.chunks[0])

    score_chunk.fn(job, claim, prepared)

    assert not Path(prepared.pixels).exists()
    assert not Path(prepared.measurements).exists()


def test_a_fenced_attempt_enters_no_chunk(job: PartitionJob, claim: Claim, store: Engine):
    ingested = ingest_partition.fn(job, folder_of(claim))
    prepared = preprocess_chunk.fn(job, ingested, ingested.chunks[0])
    claimed(job)

    with pytest.raises(Fenced):
        score_chunk.fn(job, claim, prepared)

    assert ledgered_chunks(store, claim.partition_id, ingested.fingerprints) == {}


def test_a_pair_without_a_readable_image_has_no_alignment_and_a_reason(
    job: PartitionJob, claim: Claim, store: Engine, storage: Path
):
    ingested = ingest_partition.fn(job, folder_of(claim))
    second = ingested.chunks[1]

    score_chunk.fn(job, claim, preprocess_chunk.fn(job, ingested, second))

    row = ledgered_chunks(store, claim.partition_id, [second.fingerprint])[second.fingerprint]
    data = read_chunk(storage / row.uri)
    assert [value is None for value in data.signals["pair.alignment"]] == [False, False, False, True]
    assert data.unmeasurable[3]["pair.alignment"] == "image_corrupt"
    assert np.isnan(data.image_embedding[3]).all()
    assert not np.isnan(data.text_embedding[3]).any()
    assert row.rows == 4
