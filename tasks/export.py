"""Export one partition: its files, then the one transaction that makes them and all its rows the truth."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from prefect import get_run_logger, task
from prefect.runtime import flow_run

from pairsift.adapters.exporting import stored_batches, stored_digest
from pairsift.adapters.exports import ExportBatch, ExportedFile, ExportRequest, write_export
from pairsift.adapters.manifests import rebuild_manifest
from pairsift.adapters.results import (
    PartitionFiles,
    count_verdicts,
    decision_rows,
    join_decisions,
    pair_rows,
    score_rows,
)
from pairsift.adapters.scratch import read_decided, read_statistics
from pairsift.adapters.store.origins import measurers
from pairsift.adapters.store.protocol import commit_attempt, commit_export
from pairsift.adapters.store.queries import StoredAttempt, stored_attempt
from pairsift.adapters.store.rows import AttemptResult, Claim, ExportRow, ModelRow
from pairsift.config import PartitionJob
from pairsift.core.fingerprint import export_fingerprint
from pairsift.core.policy import Policy
from tasks.references import DecidedPartition, IngestedPartition, PartitionOutcome
from tasks.retrying import STAGE
from tasks.showing import show_committed
from tasks.workplace import storage, store


@task(task_run_name="export {job.key}", **STAGE)
def export_partition(
    job: PartitionJob, ingested: IngestedPartition, decided: DecidedPartition
) -> tuple[ExportedFile, ...]:
    """Write a partition's files; until the commit they are garbage that nobody refers to."""
    decisions = read_decided(Path(decided.decided)).decisions
    files = partition_files(ingested)
    return write_files(job, ingested.digest, lambda: join_decisions(files.measured(), decisions))


@task(task_run_name="commit {job.key}", **STAGE)
def commit_partition(
    job: PartitionJob,
    claim: Claim,
    ingested: IngestedPartition,
    decided: DecidedPartition,
    exported: Sequence[ExportedFile],
) -> PartitionOutcome:
    """Commit pairs, scores, decisions, statistics and files in one transaction."""
    made = read_decided(Path(decided.decided))
    files = partition_files(ingested)
    counts = count_verdicts(made.decisions.verdicts)
    result = AttemptResult(
        decision_set_id=job.decision_set_id,
        pairs=pair_rows(files.measured(embeddings=False)),
        scores=score_rows(
            files.measured(embeddings=False), measurers(store(), claim.partition_id, ingested.fingerprints)
        ),
        decisions=decision_rows(made.decisions),
        counts=replace(counts, read=ingested.pairs),
        chunks=ingested.fingerprints,
        models=[ModelRow(name, print_, job.model_facts.get(name)) for name, print_ in sorted(job.models.items())],
        exports=export_rows(job, ingested.digest, exported),
        out_uri=job.out,
        calibration_fingerprint=job.calibration,
        mismatch=None if made.mismatch is None else asdict(made.mismatch),
        damage=ingested.damage,
        statistics=read_statistics(Path(decided.statistics)),
    )
    commit_attempt(store(), claim, result)
    get_run_logger().info("%s: attempt %d committed %d pairs", job.key, claim.fence, ingested.pairs)
    show_committed(job, claim, result.counts, ingested)
    list_if_retried(job)
    return PartitionOutcome(job.key, "committed")


@task(task_run_name="export again {job.key}", **STAGE)
def export_again(job: PartitionJob, claim: Claim) -> PartitionOutcome:
    """Write a committed partition's files from stored results: no source is read and no model runs."""
    stored = stored_attempt(store(), committed_attempt(claim))
    digest = stored_digest(store(), stored.id, stored.decision_set_id)
    exported = write_files(job, digest, lambda: batches_of(stored))
    commit_export(store(), claim, job.out, export_rows(job, digest, exported))
    show_committed(job, claim)
    list_if_retried(job)
    return PartitionOutcome(job.key, "committed")


def list_if_retried(job: PartitionJob) -> None:
    """Bring the manifest up to date when a partition's run was retried by hand: its parent run may be long over."""
    if flow_run.run_count > 1:
        rebuild_manifest(store(), job.dataset, job.out)


def write_files(
    job: PartitionJob, digest: str, batches: Callable[[], Iterable[ExportBatch]]
) -> tuple[ExportedFile, ...]:
    """Write the files of one export under its fingerprint."""
    policy = Policy.model_validate_json(job.policy)
    request = ExportRequest(
        out=job.out,
        dataset=job.dataset,
        partition=job.key,
        fingerprint=export_fingerprint(job.decision_fingerprint, job.config.export.formats, digest),
        formats=job.config.export.formats,
        batches=batches,
        models=job.models,
        policy=policy.name,
        policy_version=policy.version,
    )
    files = tuple(write_export(request))
    size_mb = sum(file.size for file in files) / 1e6
    get_run_logger().info("%s: %d files, %.2f MB", job.key, len(files), size_mb)
    return files


def partition_files(ingested: IngestedPartition) -> PartitionFiles:
    """Name a partition's pair list and chunks."""
    return PartitionFiles(storage(), Path(ingested.pair_list), ingested.fingerprints)


def export_rows(job: PartitionJob, digest: str, exported: Sequence[ExportedFile]) -> list[ExportRow]:
    """Make the ledger's rows of exported files."""
    identity = export_fingerprint(job.decision_fingerprint, job.config.export.formats, digest)
    return [ExportRow(file.name, file.uri, file.rows, file.sha256, file.size, identity) for file in exported]


def committed_attempt(claim: Claim) -> int:
    """Return the attempt whose results are exported again; a claim of kind export always has one."""
    if claim.committed_attempt_id is None:
        raise ValueError(f"attempt {claim.attempt_id} has no committed attempt to export again: a bug, report it")
    return claim.committed_attempt_id


def batches_of(stored: StoredAttempt) -> Iterable[ExportBatch]:
    """Join a committed attempt's rows with its chunk files."""
    return stored_batches(store(), storage(), stored.id, stored.decision_set_id, stored.chunks)
