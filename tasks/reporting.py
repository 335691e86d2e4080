"""The report page of a run, for people; nothing depends on it."""

from prefect import get_run_logger

from pairsift.adapters.overviews import Asked, survey
from pairsift.adapters.reports import report_file, write_report
from pairsift.report.page import render_page
from tasks.references import RunPlan
from tasks.workplace import storage, store


def report_run(plan: RunPlan) -> str | None:
    """Draw what the run committed, and tell where the page lies; None where that is nothing, or it is switched off."""
    overview = survey(store(), Asked(plan.dataset, plan.run_id)) if plan.request.config.report else None
    if overview is None:
        return None
    target = report_file(storage(), plan.dataset, plan.run_id)
    write_report(target, render_page(overview))
    get_run_logger().info("report: %s", target)
    return str(target)
