"""Threshold one partition: hold its pairs against the data set's calibration, and decide every one by the policy."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from prefect import get_run_logger, task

from pairsift.adapters.calibrations import load_calibration
from pairsift.adapters.results import PartitionFiles, count_verdicts, measured_pairs
from pairsift.adapters.scratch import write_decided
from pairsift.config import PartitionJob
from pairsift.core.calibration import Calibration, calibrate
from pairsift.core.deciding import PartitionDecision, calibratable, decide, judge_alone
from pairsift.core.mismatch import estimate_mismatch
from pairsift.core.policy import Policy
from pairsift.core.selection import calibration_pools
from tasks.references import DecidedPartition, IngestedPartition
from tasks.retrying import STAGE
from tasks.workplace import storage

BOOTSTRAP_SEED = 0


@task(task_run_name="threshold {job.key}", **STAGE)
def threshold_partition(job: PartitionJob, ingested: IngestedPartition) -> DecidedPartition:
    """Decide a partition's pairs; the decisions go to local scratch."""
    files = PartitionFiles(storage(), Path(ingested.pair_list), ingested.fingerprints)
    decided = decide_partition(job, files)
    reference = DecidedPartition(str(Path(ingested.scratch) / "decided.json"))
    write_decided(Path(reference.decided), decided)
    counts = count_verdicts(decided.decisions)
    told = (counts.kept, counts.dropped, counts.quarantined)
    get_run_logger().info("%s: %d kept, %d dropped, %d quarantined", job.key, *told)
    return reference


def decide_partition(job: PartitionJob, files: PartitionFiles) -> PartitionDecision:
    """Calibrate and decide, and estimate how many of the survivors of rules and copies are mismatched."""
    measured = measured_pairs(files.measured(), job.key)
    policy = Policy.model_validate_json(job.policy)
    calibration = pinned_calibration(job)
    eligible = calibratable(measured.table.columns, measured.embedded)
    calibrated = calibrate(calibration, measured.embedded, eligible)
    survivors = judge_alone(measured.table, policy).kept
    mismatch = estimate_mismatch(calibrated.p[survivors], np.random.default_rng(BOOTSTRAP_SEED))
    pools = calibration_pools(policy.pools, calibration)
    return PartitionDecision(decide(measured.table, policy, calibrated, pools), mismatch)


def pinned_calibration(job: PartitionJob) -> Calibration | None:
    """Load the calibration that a job was planned with, if it was with one; kept for the next partition."""
    return None if job.calibration is None else _load(storage(), job.calibration, job.score_fingerprint)


@lru_cache(maxsize=2)
def _load(folder: Path, fingerprint: str, score_fingerprint: str) -> Calibration:
    return load_calibration(folder, fingerprint, score_fingerprint)
