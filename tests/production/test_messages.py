"""The messages that the server's automations send, each after what it is about has really happened."""

from pathlib import Path

import pytest
from prefect import get_client

from tests.production import flow_runs
from tests.production.curation import request, shards, start, wait_for_partition_run, write_policy
from tests.production.prefect_server import PrefectServer
from tests.production.processes import wait_until
from tests.production.webhook import Webhook
from tests.production.workers import Workers
from tests.tasks.shards import damage_after

pytestmark = pytest.mark.production

TOLERATE_NOTHING = {"ingest": {"lost_pairs": 0, "lost_share": 0.0}}


def test_of_two_partitions_that_fail_one_is_told_and_the_run_s_own_message_names_both(
    workers: Workers, deployed: PrefectServer, webhook: Webhook, tmp_path: Path
):
    source = shards(tmp_path / "of-two-that-fail", partitions=2, pairs=4)
    for name in ("000", "001"):
        damage_after(source / f"{name}.tar", 2)
    workers.start("parents")
    workers.start("partitions", limit=2)

    parent = start(source, write_policy(tmp_path), TOLERATE_NOTHING)

    told = webhook.about(f"/runs/flow-run/{parent}", deadline_s=300)
    assert told["subject"] == "Pairsift: curate of-two-that-fail failed"
    assert "000" in told["body"]
    assert "001" in told["body"]
    (of_partition,) = [each for each in webhook.posted if "partition of-two-that-fail/" in each["subject"]]
    partition_run = wait_for_partition_run(parent, flow_runs.FINAL, of_partition["subject"].split("/")[1].split()[0])
    assert "lost" in of_partition["body"]
    assert f"{deployed.ui_url}/runs/flow-run/{partition_run.id}" in of_partition["body"]


@pytest.mark.usefixtures("workers")
def test_a_run_that_nobody_starts_is_told_as_late(webhook: Webhook, tmp_path: Path):
    run = flow_runs.start("curate/manual", request(tmp_path, write_policy(tmp_path)))

    told = webhook.about(f"/runs/flow-run/{run}", deadline_s=420)

    assert told["subject"].endswith("is late")
    assert told["body"].startswith(f"It was to start at {flow_runs.read(run).expected_start_time:%Y-%m-%d}")


def test_a_queue_that_has_lost_its_last_worker_is_told(workers: Workers, webhook: Webhook):
    worker = workers.start("partitions")
    wait_until("the worker asks the queue for work", lambda: queue_status("partitions") == "READY", 60)
    told_before = len(webhook.posted)

    worker.terminate()

    told = webhook.about('no worker on the queue "partitions"', deadline_s=180, since=told_before)
    assert told["body"].startswith("The last one asked for work at 20")
    assert "/work-queues/work-queue/" in told["body"]


def queue_status(name: str) -> str | None:
    """Tell what the server says of a queue."""
    with get_client(sync_client=True) as client:
        status = client.read_work_queue_by_name(name, work_pool_name="pairsift").status
    return str(status) if status is None else status.value
