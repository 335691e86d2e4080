"""The flow of a run: plan, every partition that needs it, then the manifest and the summary."""

import asyncio
from collections.abc import Sequence
from typing import Any

from httpx import HTTPError
from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.partition import curate_partition
from pairsift.config import PartitionJob, RunRequest
from pairsift.core.days import resolve_request
from pairsift.core.naming import dataset_name
from pairsift.report.drifting import tell_failures
from tasks.attempt import allow_attempts, stop_attempts
from tasks.calibrate import make_calibration, pilot_jobs, suffices
from tasks.dispatch import WorkPool, curate_on_worker, find_work_pool
from tasks.finish import finish_run
from tasks.plan import pin_calibration, plan_run
from tasks.reaping import reap_while_waiting
from tasks.references import PartitionOutcome, RunPlan
from tasks.settle import settle_run
from tasks.showing import RunProgress


def name_run() -> str:
    """Name a run by its data set and, for a source with a date, its day."""
    request = resolve_request(RunRequest.model_validate(flow_run.parameters["request"]), flow_run.scheduled_start_time)
    return f"{request.dataset or dataset_name(request.source)}{f' {request.day}' if request.day else ''}"


@flow(name="curate", flow_run_name=name_run, persist_result=False)
async def curate(request: RunRequest) -> State[Any]:
    """Curate a source's partitions; Failed, naming them, when one of them failed. The state's data is the summary.

    Args:
        request: What to curate, and how.
    """
    allow_attempts()
    pool = await find_work_pool(request.config.dispatch)
    plan = plan_run(request)
    logger = get_run_logger()
    logger.info("%s: %s", plan.dataset, plan.source)
    plan = pin_calibration(plan, await calibrate(plan, pool))
    logger.info(
        "%d partitions to work on, %d skipped: committed before and unchanged", len(plan.jobs), len(plan.skipped)
    )
    ended = RunProgress(plan.jobs)
    outcomes = await (curate_here(plan.jobs, ended) if pool is None else curate_on_workers(plan.jobs, pool, ended))
    if plan.settles:
        settle_run(plan, outcomes)
    return ended_state(finish_run(plan, outcomes))


async def calibrate(plan: RunPlan, pool: WorkPool | None) -> str | None:
    """Give the calibration to go by; if one is needed and there is none yet, measure pilots and make one of them.

    A pilot that fails leaves it to the next one: its own run will say why.
    """
    if not plan.pilots or not plan.chosen:
        return plan.job.calibration
    for job in pilot_jobs(plan):
        outcome = await (curate_in_process(job) if pool is None else pilot_on_worker(job, pool))
        if outcome.error is not None:
            get_run_logger().warning("%s is no pilot: %s", job.key, outcome.error)
        if suffices(plan):
            break
    return make_calibration(plan)


async def pilot_on_worker(job: PartitionJob, pool: WorkPool) -> PartitionOutcome:
    """Have a worker measure a pilot."""
    async with reap_while_waiting(pool.stuck_after_s):
        state = await curate_on_worker(job, pool, return_state=True)  # type: ignore[misc] # Prefect types it as sync
        return await outcome_of(job, state)


async def curate_here(jobs: Sequence[PartitionJob], ended: RunProgress) -> list[PartitionOutcome]:
    """Curate the partitions one after the other, each as a subflow in a thread of this process."""
    return [ended.count(await curate_in_process(job)) for job in jobs]


async def curate_in_process(job: PartitionJob) -> PartitionOutcome:
    """Run one partition as a subflow in a thread; whatever ended it is its outcome, so that the others go on."""
    try:
        state = await asyncio.to_thread(curate_partition, job, return_state=True)
    except asyncio.CancelledError:
        stop_attempts()
        raise
    except HTTPError as error:  # before it ran, or after: SQL knows what was committed
        return PartitionOutcome(key=job.key, status="failed", error=f"Prefect's server cannot be reached: {error}")
    return await outcome_of(job, state)


async def curate_on_workers(jobs: Sequence[PartitionJob], pool: WorkPool, ended: RunProgress) -> list[PartitionOutcome]:
    """Have workers curate the partitions, a bounded number at once; dead ones are found and started again."""
    slots = asyncio.Semaphore(pool.in_flight)

    async def curate_when_free(job: PartitionJob) -> PartitionOutcome:
        async with slots:
            state = await curate_on_worker(job, pool, return_state=True)  # type: ignore[misc] # Prefect types it as sync
            return ended.count(await outcome_of(job, state))

    async with reap_while_waiting(pool.stuck_after_s):
        return await asyncio.gather(*(curate_when_free(job) for job in jobs))


async def outcome_of(job: PartitionJob, state: State[PartitionOutcome]) -> PartitionOutcome:
    """Give what a partition's run returned; what it raised is a failure of the partition, not of the others."""
    result = await state.aresult(raise_on_failure=False)
    if isinstance(result, BaseException):
        return PartitionOutcome(key=job.key, status="failed", error=f"{type(result).__name__}: {result}")
    return result


def ended_state(summary: dict[str, Any]) -> State[Any]:
    """Say how the run went: Failed if partitions failed, drift reached a limit, or nothing arrived for its own day."""
    faults = []
    if summary["failed"]:
        names = ", ".join(failure["partition"] for failure in summary["failed"])
        count = len(summary["failed"])
        faults.append(f"{count} {'partition' if count == 1 else 'partitions'} failed: {names}")
    if drifted := tell_failures(summary["drift"]):
        faults.append(drifted)
    if summary["day"] in summary["missing_days"]:
        faults.append(f"nothing has arrived for {summary['day']}")
    if faults:
        return Failed(message="; ".join(faults), data=summary)
    return Completed(message=f"{summary['pairs']['kept']} of {summary['pairs']['read']} pairs kept", data=summary)
