"""A run settles: copies in other partitions fall, and files are written for the partitions that this changes."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from pairsift.adapters.checking import check
from pairsift.adapters.store.views import pair_lineage
from pairsift.adapters.stories import tell
from tasks import workplace
from tasks.finish import finish_run
from tasks.references import PartitionOutcome, RunPlan
from tasks.settle import settle_run
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import cut
from tests.tasks.steps import claimed, committed, plan_of

ORIGINAL, EXACT_COPY, ALONE, ANOTHER = 4, 16, 1, 2


@pytest.fixture
def plan(tmp_path: Path) -> RunPlan:
    """Three shards, of which the second has a copy of a pair in the first, and the third has nothing of the others."""
    for key, pairs in (("a", (ORIGINAL,)), ("b", (EXACT_COPY, ALONE)), ("c", (ANOTHER,))):
        cut(tmp_path / "source" / f"{key}.tar", pairs)
    return plan_of(tmp_path / "source", policy=str(fixed_cut(tmp_path)))


@pytest.fixture
def outcomes(plan: RunPlan) -> list[PartitionOutcome]:
    return [committed(job, claimed(job)) for job in plan.jobs]


def verdicts() -> dict[str, tuple[str, str | None, bool]]:
    """Verdict, keeper and whether it has a place in an export, by PARTITION/KEY."""
    shown = pair_lineage.c
    query = select(shown.partition, shown.key, shown.verdict, shown.duplicate_of, shown.export_uri)
    with workplace.store().connect() as connection:
        return {
            f"{partition}/{int(key)}": (verdict, keeper, uri is not None)
            for partition, key, verdict, keeper, uri in connection.execute(query)
        }


def folders(storage: Path) -> dict[str, int]:
    """Count the exports of every partition."""
    written = [path for path in (storage / "exports" / "source").glob("*/*") if path.is_dir()]
    return {key: sum(path.parent.name == key for path in written) for key in "abc"}


def test_a_copy_in_another_shard_falls_and_only_its_shard_is_written_anew(
    plan: RunPlan, outcomes: list[PartitionOutcome], storage: Path
):
    before = verdicts()

    settle_run.fn(plan, outcomes)

    assert {told[0] for told in before.values()} == {"keep"}
    assert verdicts() == {
        "a/4": ("keep", None, True),
        "b/16": ("drop", f"a/{ORIGINAL:09d}", False),
        "b/1": ("keep", None, True),
        "c/2": ("keep", None, True),
    }
    assert folders(storage) == {"a": 1, "b": 2, "c": 1}
    summary = finish_run.fn(plan, outcomes)
    assert (summary["pairs"]["kept"], summary["reasons"]) == (3, {"exact_duplicate": 1})
    manifest = json.loads((storage / "exports" / "source" / "manifest.json").read_text())
    assert sum(file["rows"] for file in manifest["files"] if file["name"] == "embeddings") == 3
    assert check(workplace.store(), storage, repair=False).problems == []
    (story,) = tell(workplace.store(), f"{EXACT_COPY:09d}")
    assert story["decision"]["rule"] == (
        f"copy of a/{ORIGINAL:09d}: the same image and caption, byte for byte → drop (exact_duplicate)"
    )


def test_a_second_time_nothing_is_written(plan: RunPlan, outcomes: list[PartitionOutcome], storage: Path):
    settle_run.fn(plan, outcomes)
    before = (verdicts(), {path: path.stat().st_mtime_ns for path in storage.rglob("exports/*/*/*/*")})

    settle_run.fn(plan, outcomes)

    assert (verdicts(), {path: path.stat().st_mtime_ns for path in storage.rglob("exports/*/*/*/*")}) == before


def test_files_that_are_gone_are_written_again(plan: RunPlan, outcomes: list[PartitionOutcome], storage: Path):
    settle_run.fn(plan, outcomes)
    files = sorted(storage.rglob("exports/*/b/*/uids.npy"))
    for file in files:
        file.unlink()

    settle_run.fn(plan, outcomes)

    assert len(files) == 2
    assert sum(file.is_file() for file in files) == 1


def test_a_partition_that_failed_is_not_settled(plan: RunPlan, outcomes: list[PartitionOutcome]):
    settle_run.fn(plan, [outcomes[0], PartitionOutcome("b", "failed", "no reason"), outcomes[2]])

    assert verdicts()["b/16"] == ("keep", None, True)


def test_a_run_of_which_all_failed_settles_nothing(plan: RunPlan):
    settle_run.fn(plan, [PartitionOutcome(job.key, "failed", "no reason") for job in plan.jobs])

    assert verdicts() == {}
