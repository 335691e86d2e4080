"""Preprocess one chunk: decode, measure and clean; pixels and measurements go to local scratch."""

from dataclasses import replace
from pathlib import Path

from prefect import get_run_logger, task

from pairsift.adapters.chunks import find_chunk
from pairsift.adapters.recalled import recalled_ordinals
from pairsift.config import PartitionJob, RunConfig
from pairsift.core.policy import Policy
from pairsift.models.encoder import picture_fit
from tasks.preparing import Preparation, prepare_apart
from tasks.references import ChunkSlice, IngestedPartition, PreparedChunk
from tasks.retrying import STAGE
from tasks.workplace import LANES, storage


@task(task_run_name="preprocess {job.key} {chunk.place}", **STAGE)
def preprocess_chunk(job: PartitionJob, ingested: IngestedPartition, chunk: ChunkSlice) -> PreparedChunk:
    """Prepare a chunk's pairs but those measured before, whose images are not read.

    A bad image or caption is an outcome of its pair, never an error of the task.
    """
    scratch = Path(ingested.scratch)
    files = (scratch / f"{chunk.number}.pixels", scratch / f"{chunk.number}.json")
    prepared = PreparedChunk(chunk, str(files[0]), str(files[1]), ingested.recalled)
    if find_chunk(storage(), chunk.fingerprint) is not None:
        get_run_logger().info("%s: chunk %s is scored already", job.key, chunk.place)
        return replace(prepared, scored=True)
    order = Preparation(
        Path(ingested.pair_list),
        chunk.start,
        chunk.stop,
        frozenset(recalled_ordinals(ingested.recalled, chunk.start, chunk.stop)),
        job.config.preprocess,
        Policy.model_validate_json(job.policy).cleaner,
        picture_fit(job.config.score),
        *files,
        job.config.score.mask_text,
    )
    count = prepare_apart(order, decoders(job.config))
    get_run_logger().info("%s: chunk %s, %d pairs prepared", job.key, chunk.place, count)
    return prepared


def decoders(config: RunConfig) -> int:
    """Tell how many processes of their own prepare pairs."""
    if config.decoders != "auto":
        return config.decoders
    return LANES if config.score.device != "cpu" or config.preprocess.isolate_decoding else 0
