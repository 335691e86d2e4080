"""Claim a partition, hold it while its stages run, and give it back failed if they do not end well."""

from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from threading import Event

from prefect import task
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run

from pairsift.adapters.chunks import chunks_are_there
from pairsift.adapters.exports import files_are_there
from pairsift.adapters.scratch import pilot_folder, remove_pilot_folder, remove_scratch, scratch_folder
from pairsift.adapters.sources import identify_now
from pairsift.adapters.store.claims import begin_attempt
from pairsift.adapters.store.lease import Lease, keep_lease
from pairsift.adapters.store.process import ProcessIdentity
from pairsift.adapters.store.protocol import fail_attempt
from pairsift.adapters.store.registry import partition_spec
from pairsift.adapters.store.rows import AttemptKind, AttemptRequest, Claim, Committed, PartitionStatus
from pairsift.config import PartitionJob
from pairsift.core.fingerprint import fingerprint
from pairsift.errors import InterruptedRunError
from tasks.references import PartitionOutcome
from tasks.retrying import STAGE
from tasks.showing import show_failed
from tasks.workplace import scratch, set_up_process, storage, store

VERSIONED = ("pairsift", "torch", "timm", "transformers", "pillow", "opencv-python-headless", "numpy", "prefect")
"""Packages whose versions an attempt records."""

STOPPED = (InterruptedRunError, KeyboardInterrupt, CancelledError, TerminationSignal, SystemExit)
"""What ends an attempt because somebody stopped the run, not because anything is wrong with the partition."""

_interrupted = Event()


@dataclass(frozen=True, slots=True)
class Attempt:
    """Work on a partition in a folder of local scratch: under a claim that is being held, or as a pilot without one."""

    folder: str
    claim: Claim | None = None
    lease: Lease | None = None

    def check(self) -> None:
        """Stop between two steps: Fenced if another attempt took over, InterruptedRunError if the run was stopped."""
        if self.lease is not None:
            self.lease.check()
        if _interrupted.is_set():
            raise InterruptedRunError("the run was stopped: run the same command again, it goes on where it stopped")


def stop_attempts() -> None:
    """Let every attempt of this process stop at its next step."""
    _interrupted.set()


def allow_attempts() -> None:
    """Let attempts run again in a process in which a run was stopped."""
    _interrupted.clear()


@task(task_run_name="claim {job.key}", **STAGE)
def claim_partition(job: PartitionJob) -> Claim | PartitionOutcome:
    """Begin an attempt, of kind export if only exported files are missing; skipped if there is nothing to do.

    The input is identified as it is now: when a failed run is retried by hand, its file may have been repaired since
    it was planned. Busy if another attempt is at work on the partition.
    """
    request = AttemptRequest(
        kind=AttemptKind.CURATE,
        out_uri=job.out,
        formats=tuple(job.config.export.formats),
        input_fingerprint=identify_now(partition_spec(store(), job.partition_id), job.config.ingest),
        score_fingerprint=job.score_fingerprint,
        decision_fingerprint=job.decision_fingerprint,
        config_hash=fingerprint(job.config.model_dump(mode="json")),
        device=job.config.score.device,
        dtype=job.config.score.dtype,
        run_id=job.run_id,
        flow_run_id=flow_run.id,
        versions={name: version(name) for name in VERSIONED},
    )
    set_up_process()
    me = ProcessIdentity.current()
    begun = begin_attempt(store(), job.partition_id, request, me)
    if isinstance(begun, Committed) and not chunks_are_there(storage(), begun.chunks):
        begun = begin_attempt(store(), job.partition_id, replace(request, again=True), me)
    elif isinstance(begun, Committed) and not files_are_there(begun.exports):
        begun = begin_attempt(store(), job.partition_id, replace(request, kind=AttemptKind.EXPORT), me)
    return begun if isinstance(begun, Claim) else PartitionOutcome(job.key, "skipped")


@contextmanager
def held(job: PartitionJob, claim: Claim) -> Iterator[Attempt]:
    """Keep the claim's lease alive; mark attempt and partition with whatever ended the block; remove scratch.

    Fenced if another attempt has the partition: it has also removed this one's scratch, and any error may be of that.
    """
    with keep_lease(store(), claim) as lease:
        try:
            yield Attempt(str(scratch_folder(scratch(), claim.partition_id, claim.fence)), claim, lease)
        except BaseException as error:  # an interrupt ends an attempt as a bug does; it is recorded and goes its way
            if not mark_ended(job, claim, error):
                lease.renew()
                lease.check()
            raise
        finally:
            remove_scratch(scratch(), claim.partition_id, claim.fence)


@contextmanager
def unclaimed(job: PartitionJob) -> Iterator[Attempt]:
    """Work on a partition as a pilot: nothing is claimed, and nothing but chunk files stays."""
    set_up_process()
    folder = pilot_folder(scratch(), job.run_id, job.partition_id)
    try:
        yield Attempt(str(folder))
    finally:
        remove_pilot_folder(folder)


def mark_ended(job: PartitionJob, claim: Claim, error: BaseException) -> bool:
    """Mark attempt and partition failed or interrupted, and tell of a failure; False if there was nothing to mark."""
    status = PartitionStatus.INTERRUPTED if isinstance(error, STOPPED) else PartitionStatus.FAILED
    message = f"{type(error).__name__}: {error}"
    marked = fail_attempt(store(), claim, message, status)
    if marked and status is PartitionStatus.FAILED:
        show_failed(job, claim, message)
    return marked
