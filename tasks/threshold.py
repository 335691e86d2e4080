"""Threshold one partition: hold its pairs against the data set's calibration, and decide every one by the policy."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from prefect import get_run_logger, task

from pairsift.adapters.calibrations import load_calibration
from pairsift.adapters.evaluation_sets import load_evaluation_sets
from pairsift.adapters.results import MeasuredPairs, PartitionFiles, count_verdicts, measured_pairs
from pairsift.adapters.scratch import write_decided, write_statistics
from pairsift.adapters.targets import load_target
from pairsift.config import PartitionJob
from pairsift.core.calibration import calibrate
from pairsift.core.deciding import PartitionDecision, calibratable, decide_partition, run_pools
from pairsift.core.drift import take_statistics
from pairsift.core.evaluation_sets import Suspects
from pairsift.core.mismatch import BOOTSTRAP_SEED
from pairsift.core.policy import Policy
from pairsift.core.relative import References, complete, decontaminated, frozen_pools, relative_signals
from tasks.references import DecidedPartition, IngestedPartition
from tasks.retrying import STAGE
from tasks.workplace import storage


@task(task_run_name="threshold {job.key}", **STAGE)
def threshold_partition(job: PartitionJob, ingested: IngestedPartition) -> DecidedPartition:
    """Decide a partition's pairs; decisions and statistics go to local scratch."""
    files = PartitionFiles(storage(), Path(ingested.pair_list), ingested.fingerprints)
    measured = measured_pairs(files.measured(), job.key)
    decided = decide_measured(job, measured)
    folder = Path(ingested.scratch)
    reference = DecidedPartition(str(folder / "decided.json"), str(folder / "statistics.json"))
    write_decided(Path(reference.decided), decided)
    counts = count_verdicts(decided.decisions.verdicts)
    statistics = take_statistics(measured.table.columns.signals, decided.decisions.p, counts.kept)
    write_statistics(Path(reference.statistics), statistics)
    told = (counts.kept, counts.dropped, counts.quarantined)
    get_run_logger().info("%s: %d kept, %d dropped, %d quarantined", job.key, *told)
    return reference


def decide_measured(job: PartitionJob, measured: MeasuredPairs) -> PartitionDecision:
    """Calibrate and decide, and estimate how many of the survivors of rules and copies are mismatched.

    Where the policy goes by the pool of the whole run, the partition stands for it until the run settles.
    """
    policy = Policy.model_validate_json(job.policy)
    references = pinned_references(job)
    eligible = calibratable(measured.table.columns, measured.embedded)
    calibrated = calibrate(references.calibration, measured.embedded, eligible)
    relative = relative_signals(policy, references, measured.embedded, eligible)
    embedded = measured.embedded
    suspects = Suspects(embedded.pictures, embedded.captions, embedded.image)
    columns = decontaminated(policy, references, suspects, complete(measured.table.columns, relative))
    table = replace(measured.table, columns=columns)
    pools = {**frozen_pools(policy, references), **run_pools(table, policy)}
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    return decide_partition(table, policy, calibrated, pools, generator)


def pinned_references(job: PartitionJob) -> References:
    """Load the calibration and the sets that a job was planned with; kept for the next partition."""
    return References(
        None if job.calibration is None else _load_calibration(storage(), job.calibration, job.score_fingerprint),
        None if job.target is None else _load_target(storage(), job.target),
        load_evaluation_sets(storage(), job.evaluation_sets),
    )


_load_calibration = lru_cache(maxsize=2)(load_calibration)
_load_target = lru_cache(maxsize=2)(load_target)
