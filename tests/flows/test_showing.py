import json
import socket
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.flow_engine import run_flow_sync

from tasks import asking, showing
from tasks.asking import Outage, ask
from tasks.showing import Progress, artifact_key, is_deployed, resource_id
from tests.flows.running import flow_runs, run
from tests.flows.seen import artifacts, events, lines
from tests.tasks.shards import damage_after

NOWHERE = "http://127.0.0.1:9/api"
TOLERATE_NOTHING = {"ingest": {"lost_pairs": 0, "lost_share": 0.0}}
WARNING = "Prefect's server does not take what is to be shown"


@pytest.fixture(autouse=True)
def no_outage(monkeypatch: pytest.MonkeyPatch) -> Outage:
    outage = Outage()
    monkeypatch.setattr(asking, "_outage", outage)
    return outage


@pytest.fixture
def always_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let progress be shown at every step, not every ten seconds."""
    monkeypatch.setattr(showing, "PROGRESS_EVERY_S", 0.0)


@contextmanager
def deaf_server() -> Iterator[str]:
    """Listen for requests and never answer one."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"


def lead_to(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let what is shown go to another server than the flow's own."""
    monkeypatch.setattr(
        asking, "get_client", lambda **options: SyncPrefectClient(url, httpx_settings=options["httpx_settings"])
    )


def test_a_run_shows_its_summary_its_histogram_and_its_reasons(source: Path, policy: Path):
    damage_after(source / "b.tar", 2)

    summary = run(source, policy, config=TOLERATE_NOTHING)

    shown = {artifact.key: artifact for artifact in artifacts(summary["run"]) if artifact.key}
    read, kept = summary["pairs"]["read"], summary["pairs"]["kept"]
    text = str(shown["pairsift-source-run"].data)
    assert set(shown) == {"pairsift-source-run", "pairsift-source-alignment", "pairsift-source-reasons"}
    assert (
        shown["pairsift-source-run"].description
        == f"1 of 3 partitions failed; {kept} of {read} pairs kept ({100 * kept / read:.1f} %)"
    )
    assert "## Partitions: 2 committed, 0 skipped, 1 failed" in text
    assert "ContainerDamagedError" in text
    assert all(f"](/runs/flow-run/{partition.id})" in text for partition in flow_runs(summary["run"]))
    assert str(shown["pairsift-source-alignment"].data) in text
    assert {row["reason"]: row["pairs"] for row in json.loads(str(shown["pairsift-source-reasons"].data))} == summary[
        "reasons"
    ]


def test_the_histogram_counts_the_pairs_that_have_an_alignment(source: Path, policy: Path):
    summary = run(source, policy, partitions=("a",))

    (picture,) = (artifact.data for artifact in artifacts(summary["run"]) if artifact.type == "image")
    drawn = b64decode(str(picture).removeprefix("data:image/svg+xml;base64,")).decode()
    assert f"kept {summary['pairs']['kept']}<" in drawn
    assert "not kept 1<" in drawn


def test_a_committed_partition_is_an_event_with_its_counts(source: Path, policy: Path):
    summary = run(source, policy, partitions=("a",))

    (event,) = events("pairsift.partition.committed", summary["run"], 1)
    (partition,) = flow_runs(summary["run"])
    assert event.resource.id == "pairsift.partition.source.a"
    assert event.resource.name == "source/a"
    assert event.payload["pairs"] == summary["pairs"]
    assert event.payload["attempt"] == 1
    assert event.payload["flow_run_id"] == str(partition.id)


def test_damage_that_cost_pairs_makes_a_committed_partition_degraded(source: Path, policy: Path):
    damage_after(source / "b.tar", 2)

    summary = run(source, policy, partitions=("b", "c"))

    (event,) = events("pairsift.partition.degraded", summary["run"], 1)
    assert event.payload["partition"] == "b"
    assert (event.payload["damaged_parts"], event.payload["pairs_lost"]) == (1, 1)
    assert event.payload["damage"][0] in event.payload["reason"]
    assert len(events("pairsift.partition.committed", summary["run"], 2)) == 2


def test_a_failed_partition_is_an_event_with_its_error(source: Path, policy: Path):
    damage_after(source / "b.tar", 2)

    summary = run(source, policy, partitions=("b",), config=TOLERATE_NOTHING)

    (event,) = events("pairsift.partition.failed", summary["run"], 1)
    assert event.payload["error"] == summary["failed"][0]["error"]
    assert event.payload["partition"] == "b"


@pytest.mark.usefixtures("always_shown")
def test_progress_is_one_artifact_of_the_partition_and_one_of_the_run(source: Path, policy: Path):
    summary = run(source, policy, partitions=("a",))

    (partition,) = flow_runs(summary["run"])
    (scored,) = artifacts(partition.id)
    of_run = {artifact.type: artifact for artifact in artifacts(summary["run"])}
    assert (scored.type, scored.data, scored.description) == ("progress", 100, "9 of 9 pairs scored")
    assert of_run["progress"].description == "1 of 1 partitions ended"


def test_what_ends_before_progress_is_due_has_no_artifact_of_it(
    source: Path, policy: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(showing, "PROGRESS_EVERY_S", 3600.0)

    summary = run(source, policy, partitions=("c",))

    (partition,) = flow_runs(summary["run"])
    assert artifacts(partition.id) == []


def test_the_log_of_a_partition_counts(source: Path, policy: Path):
    summary = run(source, policy, partitions=("a",))

    (partition,) = flow_runs(summary["run"])
    log = lines(partition.id, lambda log: "a: attempt 1 committed 9 pairs" in log)
    expected = {
        "a: 9 pairs in 3 chunks, 0 scored already",
        "a: chunk 3/3, 1 pairs prepared",
        "a: chunk 1/3, 4 pairs, 4 of 9 pairs scored",
        "a: chunk 3/3, 1 pairs, 9 of 9 pairs scored",
        "a: 7 kept, 1 dropped, 1 quarantined",
        "a: attempt 1 committed 9 pairs",
    }
    assert expected - set(log) == set()
    assert any(line.startswith("a: 3 files, 0.") for line in log)


def test_the_log_of_a_run_counts_its_partitions_as_they_end(source: Path, policy: Path):
    damage_after(source / "b.tar", 2)

    summary = run(source, policy, config=TOLERATE_NOTHING)

    log = lines(summary["run"], lambda log: "committed 2 of 3, 1 failed" in log)
    counted = [line for line in log if line.startswith(("committed", "b failed"))]
    assert counted[0] == "committed 1 of 3, 0 failed"
    assert counted[1].startswith("b failed: ContainerDamagedError")
    assert counted[2:] == ["committed 1 of 3, 1 failed", "committed 2 of 3, 1 failed"]


@pytest.mark.usefixtures("always_shown")
def test_without_an_answer_the_run_commits_and_warns_once(source: Path, policy: Path, monkeypatch: pytest.MonkeyPatch):
    lead_to(monkeypatch, NOWHERE)

    summary = run(source, policy, partitions=("a", "b"))

    of_runs = [summary["run"], *(partition.id for partition in flow_runs(summary["run"]))]
    logs = [lines(run_id, lambda log: any("committed" in line for line in log)) for run_id in of_runs]
    assert summary["partitions"] == {"committed": 2, "skipped": 0, "failed": 0}
    assert sum(line.startswith(WARNING) for log in logs for line in log) == 1


def test_a_server_that_does_not_answer_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(asking, "TRIES_AGAIN", 0)
    asked: list[SyncPrefectClient] = []

    def question(client: SyncPrefectClient) -> bool:
        asked.append(client)
        return client.hello().is_success

    @flow
    def asks_three_times() -> list[bool | None]:
        return [ask(question) for _ in range(3)]

    with deaf_server() as url:
        lead_to(monkeypatch, url)
        answers = asks_three_times()

    assert answers == [None, None, None]
    assert len(asked) == 1


def test_a_server_that_is_back_is_asked_again(no_outage: Outage):
    no_outage.asked_again_at = time.monotonic()

    @flow
    def asks() -> str | None:
        return ask(lambda client: str(client.api_url))

    assert asks() is not None
    assert no_outage.asked_again_at is None


def test_nothing_is_shown_of_what_no_flow_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "get_client", None)
    progress = Progress(2, 0, "pairs scored")

    progress.advance(2)

    assert str(progress) == "2 of 2 pairs scored"


def test_a_run_is_deployed_if_a_deployment_started_it_and_its_subflows_are_not():
    @flow
    def below() -> bool:
        return is_deployed()

    @flow
    def asks() -> tuple[bool, bool]:
        return is_deployed(), below()

    with get_client(sync_client=True) as client:
        deployment_id = client.create_deployment(client.create_flow(asks), "asking")
        started = client.create_flow_run_from_deployment(deployment_id)

    assert run_flow_sync(asks, flow_run=started) == (True, False)
    assert asks() == (False, False)
    assert not is_deployed()


@pytest.mark.parametrize(
    ("dataset", "key"),
    [("sample", "pairsift-sample-run"), ("CC_12m.v2", "pairsift-cc-12m-v2-run"), ("--..", "pairsift-run")],
)
def test_a_key_of_an_artifact_has_only_the_letters_that_prefect_takes(dataset: str, key: str):
    assert artifact_key(dataset, "run") == key


def test_a_resource_has_only_letters_that_automations_can_name():
    assert resource_id("cc12m", "a b/{00}*\u202e|é") == "pairsift.partition.cc12m.a-b-00-"
