from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from pairsift.adapters.calibrations import calibration_uri, read_reference
from pairsift.adapters.scratch import read_decided
from pairsift.adapters.store.queries import find_pairs
from pairsift.adapters.store.registry import current_calibration
from pairsift.adapters.store.tables import attempt, chunk, decided_attempt
from pairsift.errors import CalibrationDamagedError
from tasks import workplace
from tasks.calibrate import make_calibration, pilot_jobs, suffices
from tasks.plan import pin_calibration
from tasks.references import PartitionOutcome, RunPlan
from tasks.threshold import threshold_partition
from tests.tasks.policy_files import above_the_reference_median, by_fdr
from tests.tasks.shards import BLURRED, GOOD, cut
from tests.tasks.steps import claimed, committed, drawn, plan_of, planned, scored, unpinned

FIRST, SECOND = (1, 2, 3, 4, 8, 9, 10, 13), (17, 18, 19, 21, 22, 24, 30, 34)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two shards of eight honest pairs each; the first also has a blurred one, and the second one of the first's."""
    cut(tmp_path / "source" / "a.tar", [*FIRST, BLURRED])
    cut(tmp_path / "source" / "b.tar", [*SECOND, FIRST[0]])
    return tmp_path / "source"


@pytest.fixture
def plan(source: Path, tmp_path: Path) -> RunPlan:
    return unpinned(source, policy=str(by_fdr(tmp_path)))


@pytest.fixture
def calibration(plan: RunPlan) -> str:
    return calibrate(plan)


def calibrate(plan: RunPlan) -> str:
    for job in pilot_jobs(plan):
        drawn(job)
    made = make_calibration.fn(plan)
    assert made is not None
    return made


def test_the_reference_set_is_the_survivors_of_all_pilots_each_once(plan: RunPlan, calibration: str, storage: Path):
    reference = read_reference(storage / calibration_uri(calibration))

    expected = {*FIRST, *SECOND}
    found = {row["key"] for uid in reference.uids for row in committed_pairs(plan, uid)}
    assert len(reference.uids) == len(expected)
    assert found == {f"{key:09d}" for key in expected}


def committed_pairs(plan: RunPlan, uid: str) -> list[dict[str, object]]:
    for job in plan_of(Path(plan.request.source), policy=plan.request.config.policy).jobs:
        committed(job, claimed(job))
    return find_pairs(workplace.store(), uid)


def test_a_pilot_leaves_chunk_files_and_nothing_in_the_ledger(plan: RunPlan, storage: Path):
    outcomes = [drawn(job) for job in pilot_jobs(plan)]

    assert sorted(outcomes, key=lambda outcome: outcome.key) == [
        PartitionOutcome("a", "measured"),
        PartitionOutcome("b", "measured"),
    ]
    with workplace.store().connect() as connection:
        assert connection.scalar(select(func.count()).select_from(attempt)) == 0
        assert connection.scalar(select(func.count()).select_from(chunk)) == 0
    assert len(list((storage / "chunks").rglob("*.parquet"))) == 6  # nine pairs, in chunks of four, twice
    assert list((storage / "scratch").rglob("pilots")) == []


def test_what_a_pilot_scored_is_not_scored_again(plan: RunPlan, calibration: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tasks.score.load_encoder", None)  # no model can be asked

    for job in pin_calibration.fn(plan, calibration).jobs:
        committed(job, claimed(job))

    with workplace.store().connect() as connection:
        assert connection.scalar(select(func.count()).select_from(chunk)) == 6


def test_all_partitions_are_held_against_one_calibration(plan: RunPlan, calibration: str):
    for job in pin_calibration.fn(plan, calibration).jobs:
        committed(job, claimed(job))

    with workplace.store().connect() as connection:
        used = connection.scalars(select(attempt.c.calibration_fingerprint)).all()
        mismatches = connection.scalars(select(decided_attempt.c.mismatch).order_by("attempt_id")).all()
    assert used == [calibration] * 2
    assert [mismatch["tested"] for mismatch in mismatches] == [8, 9]


def test_a_calibration_is_made_once(plan: RunPlan, calibration: str, tmp_path: Path):
    later = unpinned(cut(tmp_path / "source" / "c.tar", GOOD).parent, "run-2", policy=plan.request.config.policy)

    assert later.job.calibration == calibration
    assert later.job.dataset_id == plan.job.dataset_id


def test_of_two_runs_that_calibrate_at_once_the_later_takes_the_earliers(
    plan: RunPlan, monkeypatch: pytest.MonkeyPatch
):
    other = unpinned(Path(plan.request.source), "run-2", policy=plan.request.config.policy)
    first = calibrate(plan)

    monkeypatch.setattr("pairsift.core.calibration.REFERENCE_PAIRS", 12)  # it would make another one

    assert calibrate(other) == first
    assert current_calibration(workplace.store(), plan.job.dataset_id, plan.job.score_fingerprint) == first


def test_another_way_of_scoring_has_a_calibration_of_its_own(source: Path, plan: RunPlan, calibration: str):
    enhanced = {"enhance": {"unsharp": True}}
    other = unpinned(source, "run-2", policy=plan.request.config.policy, preprocess=enhanced)

    assert other.job.calibration is None
    assert calibrate(other) != calibration


def test_too_few_pairs_make_no_calibration_and_the_next_run_tries_again(tmp_path: Path):
    shard, policy = cut(tmp_path / "few" / "a.tar", GOOD), str(by_fdr(tmp_path))
    plan = unpinned(shard, policy=policy)
    for job in pilot_jobs(plan):
        drawn(job)

    assert make_calibration.fn(plan) is None
    assert unpinned(shard, "run-2", policy=policy).job.calibration is None


def test_pilots_suffice_once_they_have_a_reference_set(plan: RunPlan, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tasks.calibrate.REFERENCE_PAIRS", 16)
    found = [suffices(plan)]
    for job in pilot_jobs(plan):
        drawn(job)
        found.append(suffices(plan))

    assert found == [False, False, True]


@pytest.mark.parametrize("damage", [b"", b"PAR1 is not all of it"])
def test_a_damaged_calibration_file_is_never_guessed_at(plan: RunPlan, calibration: str, storage: Path, damage: bytes):
    (storage / calibration_uri(calibration)).write_bytes(damage)
    job = pin_calibration.fn(plan, calibration).jobs[0]
    ingested = scored(job, claimed(job))

    with pytest.raises(CalibrationDamagedError, match="pairsift calibrate"):
        threshold_partition.fn(job, ingested)


def test_a_file_of_other_reference_pairs_is_refused(plan: RunPlan, calibration: str, tmp_path: Path, storage: Path):
    other = calibrate(unpinned(cut(tmp_path / "other" / "a.tar", range(30, 45)), "run-2", policy=str(by_fdr(tmp_path))))
    (storage / calibration_uri(other)).replace(storage / calibration_uri(calibration))
    job = pin_calibration.fn(plan, calibration).jobs[0]
    ingested = scored(job, claimed(job))

    with pytest.raises(CalibrationDamagedError, match="other pairs"):
        threshold_partition.fn(job, ingested)


def test_without_a_calibration_pairs_have_neither_z_nor_p(tmp_path: Path):
    job = planned(cut(tmp_path / "few" / "a.tar", GOOD), policy=str(by_fdr(tmp_path)))
    decided = threshold_partition.fn(job, scored(job, claimed(job)))

    decisions = read_decided(Path(decided.decided))
    assert {made.alignment_p for made in decisions.decisions} == {None}
    assert decisions.mismatch is None


def test_a_cut_that_the_calibration_froze_is_the_reference_sets_own(source: Path, tmp_path: Path, storage: Path):
    half = str(above_the_reference_median(tmp_path))
    plan = unpinned(source, policy=half)
    calibration = calibrate(plan)

    job = pin_calibration.fn(plan, calibration).jobs[0]
    decided = read_decided(Path(threshold_partition.fn(job, scored(job, claimed(job))).decided))

    cut = np.median(read_reference(storage / calibration_uri(calibration)).values["pair.alignment"])
    committed(job, claimed(job))
    with workplace.store().connect() as connection:
        alignment = connection.scalars(select(score.c.pair_alignment).order_by(score.c.ordinal)).all()
    kept = [made.verdict == "keep" for made in decided.decisions]
    assert kept == [value is not None and value >= cut for value in alignment]
