"""Find what died without a word, in SQL and in Prefect, and say so: nothing else would end it there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from logging import Logger, LoggerAdapter
from uuid import UUID

from httpx import HTTPError
from prefect import get_client, get_run_logger
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_API_URL
from prefect.states import Crashed
from sqlalchemy.exc import SQLAlchemyError

from pairsift.adapters.store.claims import lose_dead_attempts
from pairsift.adapters.store.engine import prepare
from pairsift.adapters.store.rows import LostAttempt, PartitionStatus
from pairsift.adapters.store.runs import AttemptState, attempts_of_flow_runs, known_runs
from pairsift.settings import Settings
from tasks.workplace import store

PARTITION_FLOW = "curate-partition"
AnyLogger = Logger | LoggerAdapter[Logger]
FLOWS = ("curate", PARTITION_FLOW, "rerun-failed", "reap")
OPEN_STATES = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
REAP_EVERY_S = 30.0
PAGE = 200  # flow runs that Prefect's API returns at once


@dataclass(frozen=True, slots=True)
class DeadRun:
    """A run of Prefect's that nobody executes, and what shows it."""

    id: UUID
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reaped:
    """Attempts that were marked lost, and Prefect's runs that were marked crashed."""

    attempts: tuple[LostAttempt, ...]
    runs: tuple[DeadRun, ...]


def open_database() -> None:
    """Make the tables where there are none, as the first run would; StoreError for another version's."""
    prepare(Settings().store_url)


async def reap_dead(stuck_after_s: float) -> Reaped:
    """Mark lost every attempt whose process is gone, then crashed every run that nobody executes.

    Prefect itself leaves a run Running or Pending for ever when its machine dies or its worker is stopped. Of the runs
    that have begun only those are touched whose attempt, or whose parent run, is in this database.
    """
    attempts = await asyncio.to_thread(lose_dead_attempts, store())
    # Without a server of its own to ask, Prefect would start a temporary one, which has no runs.
    runs = await crash_dead_runs(stuck_after_s) if PREFECT_API_URL.value() else []
    return Reaped(tuple(attempts), tuple(runs))


async def crash_dead_runs(stuck_after_s: float) -> list[DeadRun]:
    """Mark crashed, against Prefect's own rules, the runs that nobody executes."""
    async with get_client() as client:
        dead = await asyncio.to_thread(find_dead, await open_runs(client), stuck_after_s)
        for run in dead:
            await client.set_flow_run_state(run.id, Crashed(message=run.reason), force=True)
    return dead


@asynccontextmanager
async def reap_while_waiting(stuck_after_s: float) -> AsyncIterator[None]:
    """Reap every half minute while the block waits for others; the deployment `reap` does so for everybody."""
    reaping = asyncio.create_task(_reap_again_and_again(stuck_after_s))
    try:
        yield
    finally:
        reaping.cancel()


async def _reap_again_and_again(stuck_after_s: float) -> None:
    logger = get_run_logger()
    while True:
        await asyncio.sleep(REAP_EVERY_S)
        try:
            reaped = await reap_dead(stuck_after_s)
        except (HTTPError, SQLAlchemyError) as error:  # the server or the database is away: the next turn finds it
            logger.warning("could not look for lost partitions: %s", error)
        else:
            log_reaped(logger, reaped)


def log_reaped(logger: AnyLogger, reaped: Reaped) -> None:
    """Say what was lost, a line each."""
    for lost in reaped.attempts:
        logger.warning("%s/%s: attempt %d lost, it ran on %s", lost.dataset, lost.partition, lost.number, lost.host)
    for run in reaped.runs:
        logger.warning("run %s crashed: %s", run.name, run.reason)


async def open_runs(client: PrefectClient) -> list[FlowRun]:
    """Read all runs of Pairsift's flows that have begun and not ended."""
    runs: list[FlowRun] = []
    while len(runs) % PAGE == 0:
        page = await client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=list(FLOWS))),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(OPEN_STATES)))
            ),
            limit=PAGE,
            offset=len(runs),
        )
        if not page:
            break
        runs += page
    return runs


def find_dead(runs: Sequence[FlowRun], stuck_after_s: float) -> list[DeadRun]:
    """Pick the runs that nobody executes any more."""
    attempts = attempts_of_flow_runs(store(), [str(run.id) for run in runs])
    ours = known_runs(store(), {parent_of(run) for run in runs if parent_of(run)})
    now = datetime.now(UTC)
    signs = [
        (run, sign_of_death(run, attempts.get(str(run.id)), parent_of(run) in ours, now, stuck_after_s)) for run in runs
    ]
    return [DeadRun(run.id, run.name, sign) for run, sign in signs if sign is not None]


def parent_of(run: FlowRun) -> str:
    """Name the run that started a partition's run; nothing for other flows."""
    return str(run.parameters.get("job", {}).get("run_id", ""))


def sign_of_death(
    run: FlowRun, attempt: AttemptState | None, ours: bool, now: datetime, stuck_after_s: float
) -> str | None:
    """Tell what shows that nobody executes an open run any more; None while it may be alive.

    A run that has begun is told by its attempt: lost, or ended so long ago that the run would have ended, too; `ours`
    is a partition's run that this database's parent run started. Parents that have begun have no attempt: their
    heartbeats are watched by an automation of the Prefect server.
    """
    if run.state is None:
        return None
    if not run.state.is_running():
        return stuck(f"{run.state.name} since", run.state.timestamp, now, stuck_after_s)
    if attempt is None:
        return stuck("no attempt at its partition since", run.start_time, now, stuck_after_s) if ours else None
    if attempt.live:
        return None
    if attempt.status is PartitionStatus.LOST:
        return f"attempt {attempt.number} gave no sign of life and was marked lost"
    return stuck(f"attempt {attempt.number} {attempt.status} at", attempt.ended_at, now, stuck_after_s)


def stuck(what: str, since: datetime | None, now: datetime, stuck_after_s: float) -> str | None:
    """Describe what has not moved for `stuck_after_s` seconds; None if it has, or its time is not known."""
    if since is None or (now - since).total_seconds() < stuck_after_s:
        return None
    return f"{what} {since:%Y-%m-%d %H:%M:%S} UTC"
