"""Settle a run whose policy goes by other partitions: decide its own once more with those in view, and show that."""

from collections.abc import Sequence

from prefect import get_run_logger, task

from pairsift.adapters.exporting import ExportAsked, complete_exports
from pairsift.adapters.redeciding import Again, decide_again
from pairsift.core.policy import Policy
from tasks.references import PartitionOutcome, RunPlan
from tasks.retrying import STAGE
from tasks.workplace import storage, store


@task(name="settle", task_run_name="settle", **STAGE)
def settle_run(plan: RunPlan, outcomes: Sequence[PartitionOutcome]) -> None:
    """Decide together what stands committed as planned, which then is what is shown, and write what changed by it."""
    ended = (outcome.key for outcome in outcomes if outcome.status != "failed")
    keys = (*plan.skipped, *ended)
    if not keys:
        return
    policy = Policy.model_validate_json(plan.job.policy)
    asked = Again(plan.dataset, policy, keys, scored=plan.job.score_fingerprint)
    decided = decide_again(store(), storage(), asked)
    shown = ExportAsked(plan.dataset, formats=tuple(plan.job.config.export.formats), out=plan.out)
    written = complete_exports(store(), storage(), shown, {*keys, *decided.besides})
    told = (plan.dataset, decided.decided, decided.known, written)
    get_run_logger().info("%s: %d partitions decided together, %d stay; files of %d written", *told)
