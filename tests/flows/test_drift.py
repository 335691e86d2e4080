"""A day whose pictures came out dark is told from one like the first, in what people see and in how the run ends."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from prefect.client.schemas.objects import State

from flows.curate import curate
from pairsift.adapters import drifting
from pairsift.adapters.store.queries import status
from pairsift.config import RunConfig, RunRequest
from tasks import workplace
from tests.command_line import Command
from tests.flows.running import run
from tests.flows.seen import artifacts
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import Members, cut, pairs_of, write_shard

FIRST_DAY, LIKE_IT, DARK = range(80, 110), range(115, 145), range(179, 202)
FAILING = "drift: {warn: null, fail: {psi: 0.25, signals: [image.brightness]}}\n"


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drifting, "MIN_WINDOW_PAIRS", 20)


def darkened(members: Members) -> Members:
    """Give a pair with a picture of a third of the light, losslessly."""
    (suffix,) = members.keys() & {"jpg", "png"}
    picture = Image.open(io.BytesIO(members[suffix])).convert("RGBA")
    on_white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    file = io.BytesIO()
    on_white.point(lambda level: level // 3).save(file, "PNG")
    return {**{name: data for name, data in members.items() if name != suffix}, "png": file.getvalue()}


@pytest.fixture
def days(tmp_path: Path) -> Path:
    """Three shards of some thirty pairs: the first day, one like it, and a dark one without unreadable pictures."""
    cut(tmp_path / "days/1.tar", FIRST_DAY)
    cut(tmp_path / "days/2.tar", LIKE_IT)
    write_shard(tmp_path / "days/3.tar", {key: darkened(members) for key, members in pairs_of(DARK).items()})
    return tmp_path / "days"


def curate_day(days: Path, policy: Path, day: int) -> dict[str, Any]:
    return run(days, policy, partitions=(str(day),), chunk_pairs=64)


def drift_of(partition: str) -> Any:
    (row,) = (row for row in status(workplace.store()) if row["partition"] == partition)
    return row["drift"]


def test_a_dark_day_is_told_and_one_like_the_first_is_not(days: Path, policy: Path, pairsift: Command):
    first, alike, dark = (curate_day(days, policy, day) for day in (1, 2, 3))

    assert (first["drift"], alike["drift"]) == ({"window": 1, "compared": 1, "moved": []},) * 2
    (moved,) = dark["drift"]["moved"]
    assert (moved["partition"], moved["level"]) == ("3", "warn")
    assert "image.brightness" in moved["moved"]
    assert not {"text.words", "text.language", "image.width"} & set(moved["moved"])
    assert [drift_of(day)["level"] for day in ("1", "2", "3")] == ["none", "none", "warn"]
    assert {finding["name"] for finding in drift_of("3")["findings"]} > set(moved["moved"])
    (report,) = (str(each.data) for each in artifacts(dark["run"]) if each.key == "pairsift-days-run")
    assert "## Drift against reference window 1" in report
    assert "image.brightness PSI" in pairsift("status", "--dataset", "days")[1]


def test_a_policy_may_fail_the_run_and_what_is_committed_stays(days: Path, tmp_path: Path, pairsift: Command):
    policy = fixed_cut(tmp_path)
    curate_day(days, policy, 1)
    policy.write_text(policy.read_text() + FAILING)
    asked = ("run", days, "--policy", policy, "--json", "--partition")

    (same_code, same, _), (dark_code, dark, _) = (pairsift(*asked, day) for day in (1, 3))

    assert (same_code, json.loads(same)["partitions"]) == (0, {"committed": 0, "skipped": 1, "failed": 0})
    (moved,) = json.loads(dark)["drift"]["moved"]
    assert (dark_code, moved["partition"], moved["level"], moved["moved"]) == (1, "3", "fail", ["image.brightness"])
    assert json.loads(dark)["partitions"] == {"committed": 1, "skipped": 0, "failed": 0}
    assert {row["partition"]: row["status"] for row in status(workplace.store())}["3"] == "committed"
    assert drift_of("3")["limits"] == {"fail": {"psi": 0.25, "signals": ["image.brightness"]}}


def test_a_run_that_drift_fails_says_where_what_and_how_far(days: Path, tmp_path: Path):
    policy = fixed_cut(tmp_path)
    policy.write_text(policy.read_text() + FAILING)
    curate_day(days, policy, 1)
    request = RunRequest(source=str(days), partitions=("3",), config=RunConfig(policy=str(policy), chunk_pairs=64))

    state: State[Any] = asyncio.run(curate(request, return_state=True))  # type: ignore[arg-type] # a coroutine

    assert state.is_failed()
    assert state.message is not None
    assert state.message.startswith("drift in 3: image.brightness PSI ")
    assert " → " in state.message
