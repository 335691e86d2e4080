"""The stages of one partition, called one after the other as the flow does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pairsift.adapters.scratch import scratch_folder
from pairsift.adapters.store.rows import Claim
from pairsift.config import PartitionJob, RunConfig, RunRequest
from tasks.attempt import claim_partition, unclaimed
from tasks.calibrate import draw_candidates
from tasks.export import commit_partition, export_partition
from tasks.ingest import ingest_partition
from tasks.plan import pin_calibration, plan_run
from tasks.preprocess import preprocess_chunk
from tasks.recall import recall_pairs
from tasks.references import IngestedPartition, PartitionOutcome, RunPlan
from tasks.score import score_chunk
from tasks.threshold import threshold_partition
from tasks.workplace import scratch

CHUNK_PAIRS = 4


def unpinned(source: Path, run_id: str = "run-1", **config: Any) -> RunPlan:
    """Plan a run over a source up to its calibration; its jobs bear `run_id`, as no flow is at work."""
    request = RunRequest(source=str(source), config=RunConfig(**{"chunk_pairs": CHUNK_PAIRS, **config}))
    plan = plan_run.fn(request)
    return replace(plan, run_id=run_id, job=plan.job.model_copy(update={"run_id": run_id}))


def plan_of(source: Path, run_id: str = "run-1", **config: Any) -> RunPlan:
    """Plan a run over a source, with the calibration that its data set has, if any."""
    plan = unpinned(source, run_id, **config)
    return pin_calibration.fn(plan, plan.job.calibration)


def drawn(job: PartitionJob) -> PartitionOutcome:
    """Measure a pilot and draw its candidates."""
    with unclaimed(job) as pilot:
        return draw_candidates.fn(job, measured(job, pilot.folder, None))


def planned(source: Path, run_id: str = "run-1", **config: Any) -> PartitionJob:
    """Plan a run over a source of one partition; return its job."""
    (job,) = plan_of(source, run_id, **config).jobs
    return job


def claimed(job: PartitionJob) -> Claim:
    """Claim the job's partition."""
    claim = claim_partition.fn(job)
    assert isinstance(claim, Claim)
    return claim


def folder_of(claim: Claim) -> str:
    """Make the folder of local scratch that an attempt works in."""
    return str(scratch_folder(scratch(), claim.partition_id, claim.fence))


def scored(job: PartitionJob, claim: Claim) -> IngestedPartition:
    """Ingest, and score every chunk that is not in the ledger."""
    return measured(job, folder_of(claim), claim)


def measured(job: PartitionJob, folder: str, claim: Claim | None) -> IngestedPartition:
    """Do as `scored`, in any folder, with a claim or without one."""
    ingested = recall_pairs.fn(job, ingest_partition.fn(job, folder))
    for chunk in ingested.chunks:
        if not chunk.ledgered:
            score_chunk.fn(job, claim, preprocess_chunk.fn(job, ingested, chunk))
    return ingested


def committed(job: PartitionJob, claim: Claim) -> PartitionOutcome:
    """Take the partition through all stages."""
    ingested = scored(job, claim)
    decided = threshold_partition.fn(job, ingested)
    exported = export_partition.fn(job, ingested, decided)
    return commit_partition.fn(job, claim, ingested, decided, exported)
