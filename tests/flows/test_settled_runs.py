"""A run whose policy goes by all its partitions is settled when they have ended."""

import math
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from pairsift.adapters.checking import check
from pairsift.adapters.store.queries import active_exports
from pairsift.adapters.store.tables import decision_set
from tasks import workplace
from tests.flows.running import Summary, lineage, run
from tests.tasks.policy_files import best_half_of_the_run


@pytest.fixture
def half(tmp_path: Path) -> Path:
    return best_half_of_the_run(tmp_path)


def pairs() -> list[tuple[str, float, int, str | None]]:
    query = "SELECT partition, pair_alignment, kept, reason FROM pair_lineage WHERE pair_alignment IS NOT NULL"
    with workplace.store().connect() as connection:
        return [tuple(row) for row in connection.execute(text(f"{query} ORDER BY pair_alignment DESC"))]


def decision_sets() -> int:
    with workplace.store().connect() as connection:
        return connection.scalars(select(func.count()).select_from(decision_set)).one()


def survivors() -> list[int]:
    return [kept for _, _, kept, reason in pairs() if reason in (None, "below_cut")]


def kept_by(summary: Summary) -> int:
    kept: int = summary["pairs"]["kept"]
    return kept


def test_the_best_half_is_that_of_all_partitions_and_of_none_alone(source: Path, half: Path, storage: Path):
    summary = run(source, half)

    kept = survivors()
    assert kept == [1] * math.ceil(len(kept) / 2) + [0] * (len(kept) // 2)
    assert kept_by(summary) == sum(kept)
    shares = {sum(k for p, _, k, _ in pairs() if p == key) for key in "abc"}
    assert len(shares) > 1
    files = {file.name: 0 for file in active_exports(workplace.store(), "source", summary["out"])}
    for file in active_exports(workplace.store(), "source", summary["out"]):
        files[file.name] += file.rows
    assert files["embeddings"] == sum(kept)
    assert check(workplace.store(), storage, repair=False).problems == []


def test_a_run_with_nothing_new_leaves_everything_as_it_is(source: Path, half: Path):
    first = run(source, half)
    before, sets = lineage(workplace.store()), decision_sets()

    second = run(source, half)

    assert second["partitions"] == {"committed": 0, "skipped": 3, "failed": 0}
    assert kept_by(second) == kept_by(first)
    assert lineage(workplace.store()) == before
    assert decision_sets() == sets


def test_a_later_partition_moves_the_cut_of_all(source: Path, half: Path):
    (source / "c.tar").rename(source.parent / "later.tar")
    run(source, half)
    (source.parent / "later.tar").rename(source / "c.tar")

    run(source, half)

    kept = survivors()
    assert kept == [1] * math.ceil(len(kept) / 2) + [0] * (len(kept) // 2)
    assert len(kept) > 10
