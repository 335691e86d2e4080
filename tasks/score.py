"""Score one chunk: the encoder's signals and embeddings, into one durable chunk file and one row of the ledger."""

import os
from contextlib import nullcontext
from pathlib import Path
from threading import Lock

from prefect import task

from pairsift.adapters.chunks import ChunkData, write_chunk
from pairsift.adapters.scratch import PreparedPairs, read_prepared, remove_prepared
from pairsift.adapters.store.protocol import record_chunk
from pairsift.adapters.store.rows import ChunkRow, Claim
from pairsift.config import PartitionJob, ScoreConfig
from pairsift.core.measuring import encodable_caption, merge
from pairsift.errors import ModelUnavailableError
from pairsift.models.encoder import load_encoder
from tasks.references import PreparedChunk
from tasks.retrying import STAGE
from tasks.workplace import storage, store

LANES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Chunks scored at once on a CPU: one a core, each on one thread, which costs least and gives the same bytes on any
number of cores."""

_device_is_free = Lock()
"""On CUDA one chunk is scored at a time: the activations of all lanes would add up (256 images of EfficientNet-Lite0:
0.6 GB for the largest one alone, in bfloat16)."""


@task(task_run_name="score {job.key} {prepared.chunk.place}", **STAGE)
def score_chunk(job: PartitionJob, claim: Claim, prepared: PreparedChunk) -> int:
    """Measure a chunk with the encoder; its file is durable before the ledger names it. Return its number."""
    require_planned(job)
    pixels, measurements = Path(prepared.pixels), Path(prepared.measurements)
    data = measure(job.config.score, read_prepared(pixels, measurements))
    file = write_chunk(storage(), prepared.chunk.fingerprint, data)
    row = ChunkRow(prepared.chunk.fingerprint, file.uri, file.sha256, file.size, file.rows)
    record_chunk(store(), claim, row)
    remove_prepared(pixels, measurements)
    return prepared.chunk.number


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
    encoder = load_encoder(config)
    captions = prepared.captions
    if encoder.english_only:
        captions = [encodable_caption(*pair) for pair in zip(captions, prepared.measurements, strict=True)]
    with nullcontext() if config.device == "cpu" else _device_is_free:
        scores = encoder.score(prepared.pixels, prepared.image_of, captions)
    table = merge(prepared.measurements, {name: values.tolist() for name, values in scores.signals.items()})
    return ChunkData(
        uids=prepared.uids,
        captions=prepared.captions,
        signals=table.signals,
        unmeasurable=table.unmeasurable,
        image_embedding=scores.image_embedding,
        text_embedding=scores.text_embedding,
        fused_embedding=scores.fused_embedding,
    )
