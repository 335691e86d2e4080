"""Settle a run whose policy goes by other partitions: decide its own once more with those in view, and show that."""

from prefect import get_run_logger, task

from pairsift.adapters.exporting import ExportAsked, complete_exports
from pairsift.adapters.redeciding import Again, decide_again
from pairsift.adapters.store.summaries import summarise_partitions
from pairsift.core.policy import Policy
from tasks.references import RunPlan
from tasks.retrying import STAGE
from tasks.workplace import storage, store


@task(name="settle", task_run_name="settle", **STAGE)
def settle_run(plan: RunPlan) -> None:
    """Decide the run's committed partitions together, which then is what is shown, and write what changed by it."""
    committed = tuple(row.key for row in summarise_partitions(store(), plan.partition_ids) if row.read is not None)
    if not committed:
        return
    asked = Again(plan.dataset, Policy.model_validate_json(plan.job.policy), committed)
    decided = decide_again(store(), storage(), asked)
    formats = tuple(plan.job.config.export.formats)
    shown = ExportAsked(plan.dataset, formats=formats, out=plan.out)
    written = complete_exports(store(), storage(), shown, {*committed, *decided.besides})
    told = (plan.dataset, decided.decided, decided.known, written)
    get_run_logger().info("%s: %d partitions decided together, %d stay; files of %d written", *told)
