"""The flow that does again what failed, as it was asked for, without anybody naming a source."""

from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.curate import curate
from tasks.rerun import find_failed


def name_run() -> str:
    """Name a run by the data set that it is about."""
    return f"rerun {flow_run.parameters.get('dataset') or 'all'}"


@flow(name="rerun-failed", flow_run_name=name_run, persist_result=False)
async def rerun_failed(dataset: str | None = None) -> State[Any]:
    """Run again every run whose partitions failed, were lost or interrupted, for just these; Failed if some fail.

    Args:
        dataset: Only this data set; by default all.
    """
    requests = find_failed(dataset)
    logger = get_run_logger()
    for request in requests:
        logger.info("%s: %d partitions to do again", request.source, len(request.partitions))
    states = [await curate(request, return_state=True) for request in requests]
    failed = sum(not state.is_completed() for state in states)
    if failed:
        return Failed(message=f"{failed} of {len(states)} runs failed again: see their own pages")
    return Completed(message=f"{len(states)} runs done again" if states else "nothing has failed")
