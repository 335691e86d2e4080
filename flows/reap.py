"""The flow that ends what died without a word, so that it can be started again."""

from typing import Annotated

from prefect import flow, get_run_logger
from pydantic import Field

from tasks.reaping import log_reaped, open_database, reap_dead


@flow(name="reap", flow_run_name="reap", persist_result=False)
async def reap(stuck_after_s: Annotated[float, Field(gt=0)] = 300) -> dict[str, list[str]]:
    """Mark lost the attempts whose process is gone, and crashed the runs that nobody executes; return their names.

    Args:
        stuck_after_s: Seconds after which a run that does not move is dead.
    """
    open_database()
    logger = get_run_logger()
    reaped = await reap_dead(stuck_after_s)
    log_reaped(logger, reaped)
    logger.info("%d attempts lost, %d runs crashed", len(reaped.attempts), len(reaped.runs))
    return {
        "attempts": [f"{lost.dataset}/{lost.partition}" for lost in reaped.attempts],
        "runs": [run.name for run in reaped.runs],
    }
