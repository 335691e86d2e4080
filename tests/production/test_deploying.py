"""What `make deploy` leaves on a real Prefect server, and that it does what it is there for."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prefect import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Failed

from tests.production import flow_runs
from tests.production.prefect_server import PrefectServer
from tests.production.processes import wait_until
from tests.production.webhook import Webhook

PASSING = ("created", "updated", "last_polled", "status")


def server_objects() -> dict[str, Any]:
    """Read everything that deploying makes, without the times of its making."""
    with get_client(sync_client=True) as client:
        found: dict[str, Sequence[Any]] = {
            "pools": client.read_work_pools(),
            "queues": client.read_work_queues(),
            "deployments": client.read_deployments(),
            "automations": client.read_automations(),
        }
    return {kind: {str(each.id): lasting(each.model_dump()) for each in objects} for kind, objects in found.items()}


def lasting(value: Any) -> Any:
    """Leave out, at every depth, when something was made, changed and last asked for."""
    if isinstance(value, dict):
        return {key: lasting(each) for key, each in value.items() if key not in PASSING}
    if isinstance(value, list):
        return [lasting(each) for each in value]
    return value


def scheduled(flow: str) -> list[FlowRun]:
    """Read the runs of a flow that the server's scheduler made."""
    return [run for run in flow_runs.runs_of(flow) if run.auto_scheduled]


@pytest.mark.usefixtures("deployed")
def test_deploying_again_changes_nothing_and_tells_what_there_is_and_what_to_start(deploy: Callable[[], str]):
    before = server_objects()

    told = deploy()

    assert server_objects() == before
    assert {len(objects) for objects in before.values()} == {1, 3, 6, 7}
    assert "the queues parents and partitions" in told
    assert "curate-partition/dispatched, curate/daily, curate/manual, reap/scheduled, rerun-failed/manual, " in told
    assert "train-fusion/manual" in told
    assert "curate/daily starts at '30 6 1 * *' Asia/Tokyo: /data/{date} into daily." in told
    assert "prefect worker start --pool pairsift --work-queue partitions --limit 1" in told


@pytest.mark.usefixtures("deployed")
def test_the_server_schedules_the_daily_run_in_its_time_zone():
    """With SQLAlchemy 2.1 Prefect 3.8 never does, and nothing else tells."""
    wait_until("the server scheduled curate/daily", lambda: scheduled("curate"), 60)

    run = min(scheduled("curate"), key=lambda run: run.expected_start_time or datetime.max.replace(tzinfo=UTC))

    assert run.state_type is StateType.SCHEDULED
    assert run.work_queue_name == "parents"
    assert run.expected_start_time is not None
    assert f"{run.expected_start_time.astimezone(ZoneInfo('Asia/Tokyo')):%d %H:%M}" == "01 06:30"
    assert run.parameters["request"]["source"] == "/data/{date}"
    assert run.parameters["request"]["time_zone"] == "Asia/Tokyo"
    assert run.parameters["request"]["days_back"] == 1
    assert run.parameters["request"]["config"]["dispatch"]["work_pool"] == "pairsift"


def test_a_failed_run_is_told_through_the_notification_block_with_its_link(deployed: PrefectServer, webhook: Webhook):
    run = flow_runs.read(flow_runs.start("rerun-failed/manual"))

    flow_runs.set_state(run.id, Failed(message="1 of 2 runs failed again: see their own pages"))

    told = webhook.about(run.name)
    assert told["subject"] == f"Pairsift: rerun-failed {run.name} failed"
    assert told["body"].startswith("1 of 2 runs failed again: see their own pages\n")
    assert f"Run: {deployed.ui_url}/runs/flow-run/{run.id}" in told["body"]
    assert 'docs/operations.md, "A run failed or crashed"' in told["body"]
