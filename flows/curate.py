"""The flow of a run: plan, every partition that needs it, then the manifest and the summary."""

import asyncio
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.partition import curate_partition
from pairsift.config import PartitionJob, RunRequest
from tasks.attempt import allow_attempts, stop_attempts
from tasks.plan import finish_run, plan_run
from tasks.references import PartitionOutcome


@flow(name="curate", flow_run_name="{request.source}", persist_result=False)
async def curate(request: RunRequest) -> State[Any]:
    """Curate a source's partitions; Failed, naming them, when one of them failed. The state's data is the summary."""
    allow_attempts()
    plan = plan_run(request)
    logger = get_run_logger()
    logger.info("%s: %s", plan.dataset, plan.source)
    logger.info("%d partitions to work on, %d committed already", len(plan.jobs), len(plan.skipped))
    outcomes = [await curate_in_process(job) for job in plan.jobs]
    summary = finish_run(plan, outcomes)
    if summary["failed"]:
        names = ", ".join(failure["partition"] for failure in summary["failed"])
        return Failed(message=f"{len(summary['failed'])} partitions failed: {names}", data=summary)
    return Completed(message=f"{summary['pairs']['kept']} of {summary['pairs']['read']} pairs kept", data=summary)


async def curate_in_process(job: PartitionJob) -> PartitionOutcome:
    """Run one partition as a subflow in a thread; whatever ended it is its outcome, so that the others go on."""
    try:
        state = await asyncio.to_thread(curate_partition, job, return_state=True)
    except asyncio.CancelledError:
        stop_attempts()
        raise
    result = await state.aresult(raise_on_failure=False)
    if isinstance(result, BaseException):
        return PartitionOutcome(key=job.key, status="failed", error=f"{type(result).__name__}: {result}")
    return result
