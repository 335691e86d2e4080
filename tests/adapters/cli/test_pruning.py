"""What nothing refers to is shown, then removed; what stands, is named by a release or is worked on stays."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import Table, func, select

from pairsift.adapters.store.engine import writing
from pairsift.adapters.store.protocol import fail_attempt
from pairsift.adapters.store.tables import attempt, chunk, decided_attempt, decision, export, pair, score
from tasks import workplace
from tasks.finish import finish_run
from tests.command_line import Command
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import GOOD, cut
from tests.tasks.steps import claimed, committed, plan_of, planned, scored

NOW = ("--older-than", 0)
TWICE = 2


@pytest.fixture
def twice(tmp_path: Path, storage: Path) -> Path:
    """Curate six pairs, then the shard without one of them, by which a second attempt takes the first one's place."""
    for keys in (GOOD, GOOD[1:]):
        curate(cut(tmp_path / "source" / "a.tar", keys).parent, tmp_path)
    return storage


def curate(source: Path, folder: Path) -> None:
    with disable_run_logger():
        plan = plan_of(source, policy=str(fixed_cut(folder)))
        finish_run.fn(plan, [committed(job, claimed(job)) for job in plan.jobs])


def told(pairsift: Command, *arguments: object) -> dict[str, Any]:
    code, out, error = pairsift(*arguments, "--json")
    assert code == 0, error
    found: dict[str, Any] = json.loads(out)
    return found


def counts(*tables: Table) -> list[int]:
    with workplace.store().connect() as connection:
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]


def files(storage: Path) -> set[str]:
    found = (path.relative_to(storage) for path in storage.rglob("*") if path.is_file())
    return {str(path) for path in found if path.parts[0] != "scratch" and "pairsift.db" not in path.name}


def counted(pruned: dict[str, Any]) -> dict[str, int]:
    """Leave scratch out: the stages are called by themselves, and nobody tidies up behind them."""
    return {name: kind["count"] for name, kind in pruned["kinds"].items() if kind["count"] and name != "scratch"}


def test_nothing_is_removed_until_that_is_asked_for(pairsift: Command, twice: Path):
    before, rows = files(twice), counts(pair, score, decision, export, chunk)

    pruned = told(pairsift, "prune", *NOW)

    assert counted(pruned) == {
        "superseded attempts": 1,
        "rows of the chunk ledger": 2,
        "chunk files": 2,
        "exported files": 3,
    }
    assert pruned["rows"] == 6 + 2
    assert pruned["bytes"] > 10_000
    assert pruned["kinds"]["scratch"]["count"] > 0
    assert (files(twice), counts(pair, score, decision, export, chunk)) == (before, rows)


def test_what_was_superseded_goes_and_what_stands_stays_whole(pairsift: Command, twice: Path):
    shown = told(pairsift, "prune", *NOW)

    removed = told(pairsift, "prune", "--apply", *NOW)

    assert {**removed, "applied": False} == shown
    assert counts(attempt, pair, score, decision, decided_attempt, export, chunk) == [TWICE, 5, 5, 5, 1, 3, 2]
    assert len([name for name in files(twice) if name.startswith("chunks/")]) == 2
    assert told(pairsift, "check")["problems"] == []
    assert counted(told(pairsift, "prune", "--apply", *NOW)) == {}


def test_what_is_young_stays(pairsift: Command, twice: Path):  # noqa: ARG001 - it is there
    assert counted(told(pairsift, "prune")) == {}


def test_what_a_release_names_is_never_pruned(pairsift: Command, tmp_path: Path, storage: Path):
    curate(cut(tmp_path / "source" / "a.tar", GOOD).parent, tmp_path)
    told(pairsift, "release", "first")
    curate(cut(tmp_path / "source" / "a.tar", GOOD[1:]).parent, tmp_path)
    before = files(storage)

    pruned = told(pairsift, "prune", "--apply", "--decisions", 0, *NOW)

    assert counted(pruned) == {}
    assert files(storage) == before
    assert told(pairsift, "release", "verify", "first")["problems"] == []


def test_a_partition_that_is_worked_on_keeps_everything(pairsift: Command, twice: Path, tmp_path: Path):
    with disable_run_logger():
        job = planned(cut(tmp_path / "source" / "a.tar", GOOD[2:]).parent, policy=str(fixed_cut(tmp_path)))
        claim = claimed(job)
        scored(job, claim)
    before = files(twice)

    pruned = told(pairsift, "prune", "--apply", *NOW)

    assert pruned["spared"] == ["source/a"]
    assert {name for name in before - files(twice) if not name.startswith("chunks/")} == set()
    with workplace.store().connect() as connection:
        ledgered = set(connection.scalars(select(chunk.c.uri)))
    assert ledgered <= files(twice)
    assert counts(chunk) == [5]
    assert fail_attempt(workplace.store(), claim, "stopped")


def test_a_partition_that_failed_goes_on_from_what_it_had_scored(pairsift: Command, tmp_path: Path, storage: Path):
    with disable_run_logger():
        job = planned(cut(tmp_path / "source" / "a.tar", GOOD).parent, policy=str(fixed_cut(tmp_path)))
        claim = claimed(job)
        scored(job, claim)
    fail_attempt(workplace.store(), claim, "boom")

    told(pairsift, "prune", "--apply", *NOW)

    assert counts(chunk) == [2]
    assert len([name for name in files(storage) if name.startswith("chunks/")]) == 2


def test_what_killed_processes_left_goes_and_a_users_own_files_stay(pairsift: Command, twice: Path):
    exports = twice / "exports" / "source"
    temporary = exports / "a" / f".pairs.parquet.{'0' * 32}.tmp"
    own = (exports / "notes.txt", exports / "a" / "mine.parquet", exports / "shards" / "mine.tar")
    for path in (temporary, *own, twice / "calibrations" / "candidates" / "run-0" / "1.parquet"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left")

    told(pairsift, "prune", "--apply", *NOW)

    assert not temporary.exists()
    assert not (twice / "calibrations" / "candidates" / "run-0").exists()
    assert all(path.exists() for path in own)


def test_decisions_that_are_not_shown_go_only_with_an_age(pairsift: Command, twice: Path, tmp_path: Path):
    told(pairsift, "prune", "--apply", *NOW)
    for version in (2, 3):
        told(pairsift, "decide", "source", "--policy", fixed_cut(tmp_path, 0.1 * version, version))
        told(pairsift, "export", "source")

    without = counted(told(pairsift, "prune", *NOW))
    pruned = told(pairsift, "prune", "--apply", "--decisions", 0, *NOW)

    assert without == {}
    # The second policy's: the first one's is what the attempt was committed with, the third one's is shown.
    assert counted(pruned) == {"superseded decisions": 1, "exported files": 3}
    assert counts(decided_attempt, decision, export) == [2, 10, 6]
    assert told(pairsift, "check")["problems"] == []
    assert twice.exists()


def test_old_reports_go_only_with_an_age(pairsift: Command, twice: Path):
    (report,) = (twice / "reports").rglob("*.html")
    os.utime(report, (0, 0))

    assert "reports" not in told(pairsift, "prune", *NOW)["kinds"]
    assert counted(told(pairsift, "prune", "--reports", 30, "--apply"))["reports"] == 1
    assert not report.exists()


def test_a_prune_that_was_killed_between_rows_and_files_is_finished_by_the_next(
    pairsift: Command, twice: Path, monkeypatch: pytest.MonkeyPatch
):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pairsift.adapters.pruning._remove_unchanged", killed)
        code, *_ = pairsift("prune", "--apply", *NOW)
    assert code != 0

    pruned = told(pairsift, "prune", "--apply", *NOW)

    assert counted(pruned) == {"chunk files": 2, "exported files": 3}
    assert told(pairsift, "check")["problems"] == []
    with writing(workplace.store()) as connection:
        assert connection.scalar(select(func.count()).select_from(pair)) == 5
    assert len([name for name in files(twice) if name.startswith("chunks/")]) == 2


def test_chunk_files_stay_where_another_database_has_used_the_storage(pairsift: Command, twice: Path):
    (twice / "scratch" / ("0" * 16)).mkdir()
    before = {name for name in files(twice) if name.startswith("chunks/")}

    pruned = told(pairsift, "prune", "--apply", *NOW)

    assert {name for name in files(twice) if name.startswith("chunks/")} == before
    assert "another database has used this storage" in pruned["told"][0]
