"""Threshold one partition: calibrate on it, and decide every pair by the policy."""

from pathlib import Path

from prefect import get_run_logger, task

from pairsift.adapters.results import PartitionFiles, count_verdicts, measured_pairs
from pairsift.adapters.scratch import write_decided
from pairsift.config import PartitionJob
from pairsift.core.calibration import calibrate
from pairsift.core.deciding import PartitionDecision, calibratable, decide, judge_alone
from pairsift.core.policy import Policy
from tasks.references import DecidedPartition, IngestedPartition
from tasks.retrying import STAGE
from tasks.workplace import storage


@task(task_run_name="threshold {job.key}", **STAGE)
def threshold_partition(job: PartitionJob, ingested: IngestedPartition) -> DecidedPartition:
    """Decide a partition's pairs; verdicts and calibration go to local scratch."""
    files = PartitionFiles(storage(), Path(ingested.pair_list), ingested.fingerprints)
    policy = Policy.model_validate_json(job.policy)
    pairs = measured_pairs(files.measured())
    measurable = calibratable(pairs.table.columns, pairs.embedded)
    calibrated = calibrate(pairs.embedded, pairs.table.uids, measurable, judge_alone(pairs.table, policy).kept)
    decided = PartitionDecision(decide(pairs.table, policy, calibrated), calibrated.summary)
    reference = DecidedPartition(str(Path(ingested.scratch) / "decided.json"))
    write_decided(Path(reference.decided), decided)
    counts = count_verdicts(decided.decisions)
    told = (counts.kept, counts.dropped, counts.quarantined)
    get_run_logger().info("%s: %d kept, %d dropped, %d quarantined", job.key, *told)
    return reference
