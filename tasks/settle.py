"""Settle a run whose policy goes by all its partitions: decide them once more, together, and write the files anew."""

from prefect import get_run_logger, task

from pairsift.adapters.exporting import ExportAsked, export_decided
from pairsift.adapters.redeciding import Again, decide_again
from pairsift.adapters.store.summaries import summarise_partitions
from pairsift.core.policy import Policy
from tasks.references import RunPlan
from tasks.retrying import STAGE
from tasks.workplace import storage, store


@task(name="settle", task_run_name="settle", **STAGE)
def settle_run(plan: RunPlan) -> None:
    """Decide the run's committed partitions by their common pool, which then is what is shown, and export it."""
    committed = tuple(row.key for row in summarise_partitions(store(), plan.partition_ids) if row.read is not None)
    if not committed:
        return
    asked = Again(plan.dataset, Policy.model_validate_json(plan.job.policy), committed)
    decided = decide_again(store(), storage(), asked)
    formats = tuple(plan.job.config.export.formats)
    export_decided(store(), storage(), ExportAsked(plan.dataset, str(decided.decision_set), formats, plan.out))
    get_run_logger().info("%s: %d partitions decided together", plan.dataset, decided.decided + decided.known)
