"""Calibrate a data set: candidates from pilot partitions, and of them the reference set that all are held against."""

import shutil
from pathlib import Path

from prefect import get_run_logger, task

from pairsift.adapters.calibrating import write_calibration
from pairsift.adapters.calibrations import (
    candidates_folder,
    candidates_path,
    join_pairs,
    read_reference,
    write_reference,
)
from pairsift.adapters.results import PartitionFiles, measured_pairs
from pairsift.adapters.store.registry import register_calibration
from pairsift.config import PartitionJob
from pairsift.core.calibration import REFERENCE_PAIRS, EmbeddedPairs, choose_reference
from pairsift.core.deciding import calibratable
from pairsift.core.judging import judge_alone
from pairsift.core.policy import Policy
from tasks.references import IngestedPartition, PartitionOutcome, RunPlan
from tasks.retrying import STAGE
from tasks.workplace import storage, store


@task(task_run_name="draw candidates {job.key}", **STAGE)
def draw_candidates(job: PartitionJob, ingested: IngestedPartition) -> PartitionOutcome:
    """Put aside the pairs of a pilot partition that may be in the reference set: the survivors with smallest uids.

    Rules that compare pairs with the reference set are not tried: it is still to be made.
    """
    measured = measured_pairs(
        PartitionFiles(storage(), Path(ingested.pair_list), ingested.fingerprints).measured(), job.key
    )
    policy = Policy.model_validate_json(job.policy).before_calibration
    survivors = judge_alone(measured.table, policy).kept
    eligible = survivors[calibratable(measured.table.columns, measured.embedded)[survivors]]
    chosen = choose_reference(measured.embedded.uids, eligible)
    if len(chosen) > 0:
        write_reference(candidates_path(storage(), job.run_id, job.partition_id), measured.embedded.take(chosen))
    get_run_logger().info("%s: %d of %d pairs may be in the reference set", job.key, len(chosen), ingested.pairs)
    return PartitionOutcome(job.key, "measured")


@task(name="calibrate", task_run_name="calibrate", **STAGE)
def make_calibration(plan: RunPlan) -> str | None:
    """Make the data set's calibration of the pilots' candidates; return its fingerprint, None if they are too few.

    If another run has made one meanwhile, that one stands. The file is durable before the store names it.
    """
    made = write_calibration(storage(), plan.job.score_fingerprint, candidates_of(plan))
    shutil.rmtree(candidates_folder(storage(), plan.run_id), ignore_errors=True)
    if made is None:
        get_run_logger().warning("%s: too few pairs to calibrate by", plan.dataset)
        return None
    get_run_logger().info("%s: calibrated by %d pairs", plan.dataset, made.summary["n_reference"])
    return register_calibration(store(), plan.job.dataset_id, made)


def pilot_jobs(plan: RunPlan) -> list[PartitionJob]:
    """Give the jobs that measure a run's pilots, in order."""
    return [
        plan.job.model_copy(update={"partition_id": pilot.id, "key": pilot.key, "pilot": True}) for pilot in plan.pilots
    ]


def suffices(plan: RunPlan) -> bool:
    """Say whether the pilots measured so far have pairs enough for a reference set."""
    return len(set(candidates_of(plan).uids)) >= REFERENCE_PAIRS


def candidates_of(plan: RunPlan) -> EmbeddedPairs:
    """Read the candidates of the pilots measured so far."""
    paths = [candidates_path(storage(), plan.run_id, pilot.id) for pilot in plan.pilots]
    return join_pairs(read_reference(path) for path in paths if path.is_file())
