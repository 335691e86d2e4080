import asyncio
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.flow_engine import run_flow_async
from prefect.states import AwaitingRetry, Crashed, Scheduled

from flows.curate import curate
from flows.rerun import rerun_failed
from pairsift.adapters.checking import check
from pairsift.adapters.store.queries import status
from pairsift.config import IngestConfig, RunConfig, RunRequest
from pairsift.errors import ConfigError, SourceError
from tasks import workplace
from tests.command_line import Command
from tests.flows.running import CHUNK_PAIRS, EncoderCalls, Summary, flow_runs, run
from tests.tasks.shards import cut, damage_after

MONDAY, TUESDAY, WEDNESDAY = (date(2025, 11, day) for day in (24, 25, 26))


@pytest.fixture
def daily(tmp_path: Path) -> Path:
    """Monday's and Tuesday's two shards, of the same names and sizes."""
    for day, first in ((MONDAY, 80), (TUESDAY, 150)):
        cut(tmp_path / f"products/{day}/00000.tar", range(first, first + 3))
        cut(tmp_path / f"products/{day}/00001.tar", range(first + 3, first + 5))
    return tmp_path / "products/{date}/*.tar"


def retry_scheduled_for(when: str, request: RunRequest) -> Summary:
    """Run the flow as a worker does that retries a crashed run: it was scheduled for a moment, and is started later."""

    async def go() -> Any:
        parameters = {"request": request.model_dump(mode="json")}
        scheduled: State[Any] = Scheduled(scheduled_time=datetime.fromisoformat(when))
        async with get_client() as client:
            flow_run = await client.create_flow_run(curate, parameters=parameters, state=scheduled)
            await client.set_flow_run_state(flow_run.id, Crashed(), force=True)
            await client.set_flow_run_state(flow_run.id, AwaitingRetry(), force=True)
            retried = await client.read_flow_run(flow_run.id)
        state: Any = await run_flow_async(curate, retried, {"request": request}, return_type="state")
        return await state.aresult(raise_on_failure=False)

    return dict(asyncio.run(go()))


def states() -> dict[object, object]:
    return {row["partition"]: row["status"] for row in status(workplace.store())}


def test_two_days_with_the_same_shard_names_are_four_partitions_of_one_data_set(
    daily: Path, policy: Path, storage: Path
):
    first = run(daily, policy, day=MONDAY)
    second = run(daily, policy, day=TUESDAY)

    assert [(summary["dataset"], summary["day"], summary["missing_days"]) for summary in (first, second)] == [
        ("products", "2025-11-24", []),
        ("products", "2025-11-25", []),
    ]
    assert [summary["pairs"]["read"] for summary in (first, second)] == [5, 5]
    assert states() == {f"2025-11-{day}%2F0000{number}": "committed" for day in (24, 25) for number in (0, 1)}
    manifest = json.loads((storage / "exports/products/manifest.json").read_text())
    assert {file["partition"] for file in manifest["files"]} == set(states())
    assert check(workplace.store(), storage, repair=False).problems == []


def test_a_run_catches_up_a_late_day_and_skips_what_is_committed(
    daily: Path, policy: Path, encoder_calls: EncoderCalls
):
    late = daily.parents[1] / str(TUESDAY)
    late.rename(daily.parents[2] / "late")
    first = run(daily, policy, day=TUESDAY, catch_up_days=1)
    encoder_calls.pairs.clear()
    (daily.parents[2] / "late").rename(late)
    cut(daily.parents[1] / f"{WEDNESDAY}/00000.tar", range(86, 88))

    second = run(daily, policy, day=WEDNESDAY, catch_up_days=2)

    assert (first["missing_days"], first["partitions"]["committed"]) == (["2025-11-25"], 2)
    assert (second["missing_days"], second["partitions"]) == ([], {"committed": 3, "skipped": 2, "failed": 0})
    assert sorted(child.name for child in flow_runs(second["run"])) == [
        "products/2025-11-25%2F00000", "products/2025-11-25%2F00001", "products/2025-11-26%2F00000",
    ]  # fmt: skip
    assert sum(encoder_calls.pairs) == 7
    assert second["pairs"]["read"] == 12


def test_a_changed_shard_of_an_earlier_day_is_curated_again(daily: Path, policy: Path):
    run(daily, policy, day=TUESDAY, catch_up_days=1)
    cut(daily.parents[1] / f"{MONDAY}/00001.tar", range(86, 90))

    summary = run(daily, policy, day=TUESDAY, catch_up_days=1)

    assert summary["partitions"] == {"committed": 1, "skipped": 3, "failed": 0}
    assert summary["pairs"]["read"] == 12


@pytest.mark.parametrize(
    ("scheduled", "time_zone", "day"),
    [
        ("2025-11-25T00:30+01:00", "Europe/Berlin", "2025-11-25"),
        ("2025-11-25T00:30+01:00", "UTC", "2025-11-24"),
    ],
)
def test_a_retried_run_is_about_the_day_it_was_scheduled_on_in_its_time_zone(
    daily: Path, policy: Path, scheduled: str, time_zone: str, day: str
):
    config = RunConfig(policy=str(policy), chunk_pairs=CHUNK_PAIRS)
    request = RunRequest(source=str(daily), time_zone=time_zone, partitions=(f"{day}%2F00001",), config=config)

    summary = retry_scheduled_for(scheduled, request)

    assert (summary["day"], summary["partitions"]) == (day, {"committed": 1, "skipped": 0, "failed": 0})


def test_what_failed_is_done_again_the_next_morning_for_the_day_of_the_run_it_failed_in(daily: Path, policy: Path):
    shard = daily.parents[1] / f"{TUESDAY}/00001.tar"
    whole = damage_after(shard, 1)
    config = RunConfig(policy=str(policy), ingest=IngestConfig(lost_pairs=0, lost_share=0))
    retry_scheduled_for("2025-11-25T06:00+00:00", RunRequest(source=str(daily), config=config))
    shard.write_bytes(whole)

    state: State[Any] = asyncio.run(rerun_failed("products", return_state=True))  # type: ignore[arg-type] # a coroutine

    assert state.is_completed()
    assert states() == {"2025-11-25%2F00000": "committed", "2025-11-25%2F00001": "committed"}


def test_a_run_of_chosen_partitions_waits_for_no_day(daily: Path, policy: Path):
    summary = run(daily, policy, day=WEDNESDAY, catch_up_days=1, partitions=("2025-11-25%2F00000",))

    assert (summary["day"], summary["missing_days"]) == ("2025-11-26", [])


def test_a_source_without_a_date_has_no_day(source: Path, policy: Path):
    summary = run(source, policy, partitions=("c",), time_zone="Europe/Berlin", catch_up_days=3)

    assert (summary["day"], summary["missing_days"]) == (None, [])


def test_no_file_on_any_day_is_an_error_that_names_the_days(daily: Path, policy: Path):
    with pytest.raises(
        SourceError, match="names no shards, tables or image files on 2025-11-26, 2025-11-27: check the path"
    ):
        run(daily, policy, day=date(2025, 11, 27), catch_up_days=1)


def test_a_day_without_use_registers_nothing(source: Path, policy: Path, storage: Path):
    with pytest.raises(ConfigError, match="has no date for the day 2025-11-24"):
        run(source, policy, day=MONDAY)

    assert not storage.exists()


def test_the_command_ends_with_1_where_the_day_s_own_shards_have_not_arrived_and_0_where_an_earlier_day_s(
    pairsift: Command, daily: Path, policy: Path
):
    options = ("--policy", policy, "--catch-up-days", 1, "--time-zone", "Europe/Berlin", "--json")

    own = pairsift("run", daily, "--day", WEDNESDAY, *options)
    earlier = pairsift("run", daily, "--day", MONDAY, *options)

    assert [(code, json.loads(out)["day"], json.loads(out)["missing_days"]) for code, out, _ in (own, earlier)] == [
        (1, "2025-11-26", ["2025-11-26"]),
        (0, "2025-11-24", ["2025-11-23"]),
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--day", "24.11.2025"], "day: Input should be a valid date"),
        (["--time-zone", "Berlin"], "did you mean 'Europe/Berlin'?"),
        (["--catch-up-days", "367"], "catch_up_days: Input should be less than or equal to 366"),
    ],
)
def test_a_day_or_time_zone_that_is_none_is_one_line_and_exit_code_2(
    pairsift: Command, daily: Path, options: list[str], said: str
):
    code, out, err = pairsift("run", daily, *options, "--json")

    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]
