"""Score one chunk: the encoder's signals and embeddings, into one durable chunk file and one row of the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from prefect import task
from prefect.concurrency.sync import concurrency

from pairsift.adapters.chunks import ChunkData, find_chunk, write_chunk
from pairsift.adapters.recalled import RecalledRows, read_recalled, weave
from pairsift.adapters.scratch import PreparedPairs, read_prepared, remove_prepared
from pairsift.adapters.store.protocol import record_chunk
from pairsift.adapters.store.rows import ChunkRow, Claim
from pairsift.config import PartitionJob, ScoreConfig
from pairsift.errors import ModelUnavailableError
from pairsift.models.encoder import load_encoder
from pairsift.models.measuring import measure_pairs
from pairsift.settings import Settings
from tasks.references import PreparedChunk
from tasks.retrying import STAGE
from tasks.workplace import storage, store

_first_in_line = Lock()


@task(task_run_name="score {job.key} {prepared.chunk.place}", **STAGE)
def score_chunk(job: PartitionJob, claim: Claim | None, prepared: PreparedChunk) -> int:
    """Measure with the encoder what is not known of a chunk; its file is durable before the ledger names it.

    Return the chunk's number. The file is the same whether its pairs were measured here or before; the ledger tells.
    A pilot has no claim, and enters nothing in the ledger: the partition's own attempt will.
    """
    known = read_recalled(prepared.recalled, prepared.chunk.start, prepared.chunk.stop)
    fingerprint = prepared.chunk.fingerprint
    file = find_chunk(storage(), fingerprint) if prepared.scored else None
    if file is None:
        file = write_chunk(storage(), fingerprint, measure_prepared(job, prepared, known))
    if claim is not None:
        row = ChunkRow(fingerprint, file.uri, file.sha256, file.size, file.rows, known.by_attempt)
        record_chunk(store(), claim, row)
    remove_prepared(Path(prepared.pixels), Path(prepared.measurements))
    return prepared.chunk.number


def measure_prepared(job: PartitionJob, prepared: PreparedChunk, known: RecalledRows) -> ChunkData:
    """Measure a chunk's pairs that are not known."""
    with slot(job.config.score.device):
        return complete(job, read_prepared(Path(prepared.pixels), Path(prepared.measurements)), known)


@contextmanager
def slot(device: str) -> Iterator[None]:
    """Take a slot of the GPU's global concurrency limit, where one is named: no two processes score on it at once.

    Only one of this process's lanes waits for it: a slot that is given back is asked for again seconds later, and the
    GPU would idle between two lanes. An error of Prefect's if the server does not know the limit.
    """
    limit = Settings().gpu_limit
    if limit is None or device == "cpu":
        yield
        return
    with _first_in_line, concurrency(limit, occupy=1, strict=True):
        yield


def complete(job: PartitionJob, prepared: PreparedPairs, known: RecalledRows) -> ChunkData:
    """Add what is known of a chunk to what the encoder says of its other pairs; without such it is not asked."""
    if not prepared.uids:
        return known.data
    require_planned(job)
    measured = measure(job.config.score, prepared)
    return weave(known, measured) if known.places else measured


def require_planned(job: PartitionJob) -> None:
    """Refuse (ModelUnavailableError) to measure with another model than the run was planned with, here or elsewhere."""
    name, loaded = job.config.score.encoder, load_encoder(job.config.score).fingerprint
    if loaded != job.models[name]:
        raise ModelUnavailableError(
            f"{name} is another model here ({loaded[:12]}…) than where the run was planned ({job.models[name][:12]}…): "
            "its files were changed or differ between hosts; make them the same, then run again"
        )


def measure(config: ScoreConfig, prepared: PreparedPairs) -> ChunkData:
    """Run the encoder over a chunk and join its signals with those of preprocessing."""
    pairs = (prepared.pixels, prepared.image_of, prepared.captions, prepared.measurements)
    scores, table = measure_pairs(load_encoder(config), *pairs, prepared.masked_of if config.mask_text else None)
    return ChunkData(
        uids=prepared.uids,
        captions=prepared.captions,
        signals=table.signals,
        unmeasurable=table.unmeasurable,
        image_embedding=scores.image_embedding,
        text_embedding=scores.text_embedding,
        fused_embedding=scores.fused_embedding,
    )
