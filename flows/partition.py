"""The flow of one partition: claim, ingest, recall, chunk by chunk preprocess and score; threshold, export, commit."""

from collections import deque
from collections.abc import Iterable
from itertools import chain
from typing import Any

from prefect import flow, get_run_logger
from prefect.futures import PrefectFuture, wait
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from pairsift.config import PartitionJob
from tasks.attempt import Attempt, claim_partition, held, unclaimed
from tasks.calibrate import draw_candidates
from tasks.export import commit_partition, export_again, export_partition
from tasks.ingest import ingest_partition
from tasks.preprocess import preprocess_chunk
from tasks.recall import recall_pairs
from tasks.references import ChunkSlice, IngestedPartition, PartitionOutcome
from tasks.score import score_chunk
from tasks.showing import ScoringProgress
from tasks.threshold import threshold_partition
from tasks.workplace import LANES

Submitted = tuple[PrefectFuture[Any], PrefectFuture[Any]]
"""A chunk under way: its preprocessing and its scoring."""


def name_partition() -> str:
    """Name a run by its data set and partition; a pilot is told from the partition's own run."""
    job = PartitionJob.model_validate(flow_run.parameters["job"])
    return f"{job.dataset}/{job.key}{' (pilot)' * job.pilot}"


@flow(
    name="curate-partition",
    flow_run_name=name_partition,
    task_runner=ThreadPoolTaskRunner(max_workers=LANES),  # type: ignore[arg-type] # generic in its future
    persist_result=False,
)
def curate_partition(job: PartitionJob) -> PartitionOutcome:
    """Curate one partition, or say why it is skipped; the attempt fails with the error that ended it.

    A pilot is only measured, for the calibration that is still to be made.
    """
    if job.pilot:
        with unclaimed(job) as attempt:
            return draw_candidates(job, measure(job, attempt))
    claim = claim_partition(job)
    if isinstance(claim, PartitionOutcome):
        get_run_logger().info("%s: %s, this input and decision were committed before", job.key, claim.status)
        return claim
    with held(job, claim) as attempt:
        if claim.kind == "export":
            return export_again(job, claim)
        ingested = measure(job, attempt)
        decided = threshold_partition(job, ingested)
        exported = export_partition(job, ingested, decided)
        return commit_partition(job, claim, ingested, decided, exported)


def measure(job: PartitionJob, attempt: Attempt) -> IngestedPartition:
    """List a partition's pairs and measure those of which nothing is known."""
    ingested = recall_pairs(job, ingest_partition(job, attempt.folder))
    score_chunks(job, attempt, ingested)
    return ingested


def score_chunks(job: PartitionJob, attempt: Attempt, ingested: IngestedPartition) -> None:
    """Preprocess and score the chunks that no earlier attempt has; a bounded number is in flight.

    A chunk is submitted for scoring behind the next one's preprocessing, so that no lane waits for pixels.
    """
    prepared: deque[PrefectFuture[Any]] = deque()
    in_flight: deque[Submitted] = deque()
    progress = ScoringProgress(job, ingested)
    try:
        for chunk in unscored(ingested.chunks):
            attempt.check()
            prepared.append(preprocess_chunk.submit(job, ingested, chunk))
            if len(prepared) > 1:
                in_flight.append(submit_score(job, attempt, prepared.popleft()))
            while len(in_flight) > LANES:
                settle(in_flight, progress)
        while prepared:
            in_flight.append(submit_score(job, attempt, prepared.popleft()))
        while in_flight:
            settle(in_flight, progress)
    finally:
        wait([*prepared, *chain.from_iterable(in_flight)])  # after a failure, no task may outlive its attempt
    attempt.check()


def submit_score(job: PartitionJob, attempt: Attempt, prepared: PrefectFuture[Any]) -> Submitted:
    """Submit a chunk for scoring once its pixels are there."""
    scored = score_chunk.submit(job, attempt.claim, prepared)  # type: ignore[call-overload] # a future for its result
    return prepared, scored


def settle(in_flight: deque[Submitted], progress: ScoringProgress) -> None:
    """Wait for the chunk longest in flight and count it; an error of its pixels comes first: it tells why."""
    prepared, scored = in_flight[0]
    prepared.result()
    progress.advance(scored.result())
    in_flight.popleft()


def unscored(chunks: Iterable[ChunkSlice]) -> list[ChunkSlice]:
    """Name the chunks that are not in the ledger yet."""
    return [chunk for chunk in chunks if not chunk.ledgered]
