"""A data set is calibrated by the first run that needs it, before any of its partitions is decided."""

from pathlib import Path

import pytest
from sqlalchemy import select

from pairsift.adapters.store.tables import attempt, calibration
from tasks import workplace
from tests.flows.running import EncoderCalls, flow_runs, lineage, run
from tests.tasks.policy_files import by_fdr
from tests.tasks.shards import damage_after


@pytest.fixture
def fdr(tmp_path: Path) -> Path:
    return by_fdr(tmp_path)


def calibrations_used() -> list[str]:
    with workplace.store().connect() as connection:
        return list(connection.scalars(select(attempt.c.calibration_fingerprint).order_by(attempt.c.id)))


def calibrations_made() -> list[str]:
    with workplace.store().connect() as connection:
        return list(connection.scalars(select(calibration.c.fingerprint)))


def test_pilots_are_measured_first_and_no_pair_twice(source: Path, fdr: Path, encoder_calls: EncoderCalls):
    summary = run(source, fdr)

    children = sorted(flow_runs(summary["run"]), key=lambda child: str(child.start_time))
    names = [child.name for child in children]
    assert sorted(names[:3]) == [f"source/{key} (pilot)" for key in "abc"]
    assert sorted(names[3:]) == [f"source/{key}" for key in "abc"]
    assert sum(encoder_calls.pairs) == summary["pairs"]["read"]


def test_all_partitions_and_days_are_held_against_one_calibration(source: Path, fdr: Path):
    (source / "c.tar").rename(source.parent / "later.tar")
    run(source, fdr)
    before = lineage(workplace.store())
    (source.parent / "later.tar").rename(source / "c.tar")

    summary = run(source, fdr)

    assert summary["partitions"] == {"committed": 1, "skipped": 2, "failed": 0}
    assert calibrations_used() == calibrations_made() * 3
    assert set(before) < set(lineage(workplace.store()))
    assert [child.name for child in flow_runs(summary["run"])] == ["source/c"]


def test_the_partitions_asked_for_do_not_choose_the_calibration(source: Path, fdr: Path):
    run(source, fdr, partitions=("c",), dataset="chosen")
    run(source, fdr, dataset="whole")

    assert len(calibrations_made()) == 1


def test_a_pilot_that_fails_leaves_it_to_the_others(source: Path, fdr: Path):
    damage_after(source / "b.tar", 1)

    summary = run(source, fdr, config={"ingest": {"lost_pairs": 0}})

    assert [failure["partition"] for failure in summary["failed"]] == ["b"]
    assert summary["partitions"]["committed"] == 2
    assert len(calibrations_made()) == 1


def test_a_policy_that_goes_by_no_calibration_makes_none(source: Path, policy: Path):
    run(source, policy)

    assert calibrations_made() == []
