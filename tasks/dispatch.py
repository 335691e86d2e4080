"""Have a partition curated on a work pool: start a run of its deployment, wait for its end, start a lost one again."""

import asyncio
from dataclasses import dataclass
from itertools import count
from uuid import UUID

from prefect import get_client, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.deployments import arun_deployment
from prefect.states import Completed, Failed

from pairsift.adapters.store.rows import PartitionStatus
from pairsift.adapters.store.runs import AttemptState, attempts_of_flow_runs
from pairsift.config import DispatchConfig, PartitionJob
from pairsift.errors import ConfigError
from tasks.references import PartitionOutcome
from tasks.retrying import retry_if_transient
from tasks.workplace import store

PARTITION_FLOW = "curate-partition"
POLL_S = 5.0


@dataclass(frozen=True, slots=True)
class WorkPool:
    """Where partitions are started, how many at once, and how often a lost one."""

    deployment: UUID
    in_flight: int
    tries: int
    stuck_after_s: float


async def find_work_pool(config: DispatchConfig) -> WorkPool | None:
    """Find the deployment of the partition flow on the work pool asked for, if one is; ConfigError if it has none."""
    if config.work_pool is None:
        return None
    async with get_client() as client:
        found = await client.read_deployments(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[PARTITION_FLOW])),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[config.work_pool])),
        )
        if not found:
            raise ConfigError(
                f"work pool {config.work_pool!r} has no deployment of the flow {PARTITION_FLOW} on the Prefect server "
                f"at {client.api_url}: run `make deploy`, or leave dispatch.work_pool out to curate in this process"
            )
    return WorkPool(found[0].id, config.in_flight, config.tries, config.stuck_after_s)


@task(
    task_run_name="curate {job.key} on a worker",
    # What is retried is the watching: a start that was made already is found again by its idempotency key.
    retries=60,
    retry_delay_seconds=10,
    retry_condition_fn=retry_if_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def curate_on_worker(job: PartitionJob, pool: WorkPool) -> State[PartitionOutcome]:
    """Have one partition curated by a worker of the pool; the state, Failed if the partition is, holds its outcome."""
    outcome = await outcome_on_worker(job, pool)
    if outcome.status == "failed":
        return Failed(message=outcome.error, data=outcome)
    return Completed(message=outcome.status, data=outcome)


async def outcome_on_worker(job: PartitionJob, pool: WorkPool) -> PartitionOutcome:
    """Start a partition's run, again if its process is lost, and tell how it ended."""
    started = 0
    for number in count(1):
        run = await start(job, pool.deployment, number)
        if is_final(run):
            continue  # it ended before a retry of the parent run
        started += 1
        outcome = outcome_of(job, await ended(run))
        if outcome is not None:
            return outcome
        if started == pool.tries:
            break
    return PartitionOutcome(job.key, "failed", f"its process was lost {pool.tries} times: see the workers' logs")


async def start(job: PartitionJob, deployment: UUID, number: int) -> FlowRun:
    """Start the partition's run `number` of this parent run, or find it if it was started already."""
    return await arun_deployment(
        deployment,
        parameters={"job": job.model_dump(mode="json")},
        flow_run_name=f"{job.dataset}/{job.key}{' (pilot)' * job.pilot}",
        idempotency_key=f"{job.run_id}:{job.partition_id}:{number}{':pilot' * job.pilot}",
        timeout=0,
    )


async def ended(run: FlowRun) -> FlowRun:
    """Wait until a run has ended, by Prefect's word or because the reaper said that it is dead."""
    async with get_client() as client:
        while not is_final(run):
            await asyncio.sleep(POLL_S)
            run = await client.read_flow_run(run.id)
    return run


def is_final(run: FlowRun) -> bool:
    """Say whether a run has ended."""
    return run.state is not None and run.state.is_final()


def outcome_of(job: PartitionJob, run: FlowRun) -> PartitionOutcome | None:
    """Tell how an ended run left its partition: by what SQL says, then by Prefect's state; None if it was lost."""
    attempt = attempts_of_flow_runs(store(), [str(run.id)]).get(str(run.id))
    if attempt is not None and attempt.status is PartitionStatus.COMMITTED:
        return PartitionOutcome(job.key, "committed")
    match run.state_type:
        case StateType.COMPLETED:
            return PartitionOutcome(job.key, "skipped")
        case StateType.CRASHED:
            return None
    return PartitionOutcome(job.key, "failed", error_of(attempt, run))


def error_of(attempt: AttemptState | None, run: FlowRun) -> str:
    """Tell why a run failed: what the attempt recorded, or, where none was begun, what Prefect shows."""
    shown = f"{run.state_name}: {run.state.message}" if run.state is not None else str(run.state_name)
    return attempt.error if attempt is not None and attempt.error else shown
