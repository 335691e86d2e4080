"""Preprocess one chunk: decode, measure and clean; pixels and measurements go to local scratch."""

from functools import partial
from pathlib import Path

from prefect import get_run_logger, task

from pairsift.adapters.pairlist import read_pairs
from pairsift.adapters.recalled import recalled_ordinals
from pairsift.adapters.scratch import write_prepared
from pairsift.adapters.sources import read_image
from pairsift.config import PartitionJob
from pairsift.core.policy import Policy
from pairsift.core.preprocessing import prepare_pairs
from pairsift.models.encoder import picture_fit
from pairsift.models.pictures import fit_picture
from tasks.references import ChunkSlice, IngestedPartition, PreparedChunk
from tasks.retrying import STAGE


@task(task_run_name="preprocess {job.key} {chunk.place}", **STAGE)
def preprocess_chunk(job: PartitionJob, ingested: IngestedPartition, chunk: ChunkSlice) -> PreparedChunk:
    """Prepare a chunk's pairs but those measured before, whose images are not read.

    A bad image or caption is an outcome of its pair, never an error of the task.
    """
    cleaner = Policy.model_validate_json(job.policy).cleaner
    fit = picture_fit(job.config.score)
    known = recalled_ordinals(ingested.recalled, chunk.start, chunk.stop)
    chunk_pairs = read_pairs(Path(ingested.pair_list), chunk.start, chunk.stop)
    pairs = [pair for pair in chunk_pairs if pair.ordinal not in known]
    prepared = prepare_pairs(pairs, read_image, job.config.preprocess, cleaner, partial(fit_picture, fit=fit))
    scratch = Path(ingested.scratch)
    files = (str(scratch / f"{chunk.number}.npy"), str(scratch / f"{chunk.number}.json"))
    reference = PreparedChunk(chunk, *files, ingested.recalled)
    write_prepared(Path(reference.pixels), Path(reference.measurements), prepared, len(pairs), fit.shape)
    get_run_logger().info("%s: chunk %s, %d pairs prepared", job.key, chunk.place, len(pairs))
    return reference
