"""Preprocess one chunk: decode, measure and clean; pixels and measurements go to local scratch."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from pairsift.adapters.pairlist import read_pairs
from pairsift.adapters.scratch import write_prepared
from pairsift.adapters.sources import read_verified
from pairsift.config import PartitionJob
from pairsift.core.policy import parse_policy
from pairsift.core.preprocessing import prepare
from tasks.references import ChunkSlice, IngestedPartition, PreparedChunk
from tasks.retrying import RETRIES, RETRY_DELAYS_S, retry_if_transient


@task(
    task_run_name="preprocess {chunk.number}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=retry_if_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def preprocess_chunk(job: PartitionJob, ingested: IngestedPartition, chunk: ChunkSlice) -> PreparedChunk:
    """Prepare a chunk's pairs; a bad image or caption is an outcome of its pair, never an error of the task."""
    cleaner = parse_policy(job.policy).cleaner
    pairs = read_pairs(Path(ingested.pair_list), chunk.start, chunk.stop)
    prepared = (
        prepare(read_verified(pair.image, pair.image_sha256), pair.raw_caption, job.config.preprocess, cleaner)
        for pair in pairs
    )
    scratch = Path(ingested.scratch)
    reference = PreparedChunk(chunk, str(scratch / f"{chunk.number}.npy"), str(scratch / f"{chunk.number}.json"))
    write_prepared(Path(reference.pixels), Path(reference.measurements), prepared, len(pairs))
    return reference
