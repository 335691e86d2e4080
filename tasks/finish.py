"""Sum a run up when all its partitions have ended."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from prefect import get_run_logger, task

from pairsift.adapters.drifting import WatchedRun, watch_drift
from pairsift.adapters.manifests import rebuild_manifests
from pairsift.adapters.store.engine import shown_url
from pairsift.adapters.store.summaries import BINS_PER_UNIT, alignment_histogram, summarise, summarise_partitions
from pairsift.report.drifting import WHOLE_RUN, summarise_drift
from pairsift.report.histogram import Bin
from pairsift.report.summary import PartitionFacts, RunFacts
from tasks.references import PartitionOutcome, RunPlan
from tasks.reporting import report_run
from tasks.retrying import STAGE
from tasks.showing import is_deployed, show_run
from tasks.workplace import store


@task(name="finish", task_run_name="finish", **STAGE)
def finish_run(plan: RunPlan, outcomes: Sequence[PartitionOutcome]) -> dict[str, Any]:
    """Rebuild manifests, look for drift, and sum up what stands committed of the partitions that the run covers."""
    rebuild_manifests(store(), plan.dataset, plan.out)
    total = summarise(store(), plan.partition_ids)
    counts = total.counts
    states = [outcome.status for outcome in outcomes]
    summary = {
        "run": plan.run_id,
        "dataset": plan.dataset,
        "source": plan.source,
        "day": plan.day,
        "missing_days": list(plan.missing_days),
        "partitions": {
            "committed": states.count("committed"),
            "skipped": states.count("skipped") + len(plan.skipped),
            "failed": states.count("failed"),
        },
        "pairs": {
            "read": counts.read,
            "kept": counts.kept,
            "dropped": counts.dropped,
            "quarantined": counts.quarantined,
        },
        "recalled": total.recalled,
        "reasons": total.reasons,
        "drift": find_drift(plan),
        "failed": [{"partition": o.key, "error": o.error} for o in outcomes if o.status == "failed"],
        "seconds": round(time.time() - plan.started, 3),
        "out": plan.out,
        "report": report_run(plan),
        "database": shown_url(store()),
        "example": total.example,
    }
    bins = [Bin(bar.centre, bar.kept, bar.not_kept) for bar in alignment_histogram(store(), plan.partition_ids)]
    show_run(run_facts(plan, outcomes, summary), bins, 1 / BINS_PER_UNIT)
    return summary


def find_drift(plan: RunPlan) -> dict[str, Any]:
    """Compare what the run committed with the data set's reference window, and log what moved."""
    run = WatchedRun(plan.run_id, plan.dataset, plan.job.score_fingerprint, plan.partition_ids, plan.drift)
    watched = watch_drift(store(), run)
    window = None if watched.window is None else watched.window.number
    drift = summarise_drift(window, watched.compared, watched.moved)
    for each in drift["moved"]:
        get_run_logger().warning("%s: drift: %s", each["partition"] or WHOLE_RUN, each["told"])
    return drift


def run_facts(plan: RunPlan, outcomes: Sequence[PartitionOutcome], summary: Mapping[str, Any]) -> RunFacts:
    """Gather what people are shown of the run."""
    ended = {key: PartitionOutcome(key, "skipped") for key in plan.skipped} | {each.key: each for each in outcomes}
    partitions = [
        PartitionFacts(
            key=row.key,
            state=ended[row.key].status,
            attempt=row.attempt,
            read=row.read,
            kept=row.kept,
            error=ended[row.key].error,
            flow_run_id=row.flow_run_id,
        )
        for row in summarise_partitions(store(), plan.partition_ids)
    ]
    return RunFacts(
        run_id=plan.run_id,
        dataset=plan.dataset,
        request=plan.request,
        policy=plan.policy,
        partitions=partitions,
        missing_days=plan.missing_days,
        pairs=summary["pairs"],
        recalled=summary["recalled"],
        reasons=summary["reasons"],
        drift=summary["drift"],
        out=summary["out"],
        report=summary["report"],
        database=summary["database"],
        seconds=summary["seconds"],
        deployed=is_deployed(),
    )
