"""The commands that decide, compare, export and calibrate again from what is stored; the stages ran without Prefect."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import Engine, func, select

from pairsift.adapters import decider, drifting
from pairsift.adapters.calibrations import calibration_uri, read_reference
from pairsift.adapters.policies import load_policy
from pairsift.adapters.redeciding import Again, decide_again
from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.tables import dataset, decision_set, metadata, score
from pairsift.adapters.store.views import pair_lineage
from pairsift.settings import Settings
from tasks import workplace
from tasks.calibrate import make_calibration, pilot_jobs
from tasks.finish import finish_run
from tasks.plan import pin_calibration
from tests.command_line import Command
from tests.tasks.policy_files import by_fdr, fixed_cut
from tests.tasks.shards import BLURRED, GOOD, TRUNCATED, cut
from tests.tasks.steps import claimed, committed, drawn, plan_of, unpinned

FIRST, SECOND = (1, 2, 3, 4, 8, 9, 10, 13), (17, 18, 19, 21, 22, 24, 30, 34)
DECIDE = """
import sys
from pairsift.cli import main
try:
    main()
finally:
    print(sorted({"torch", "prefect", "cv2"} & set(sys.modules)), file=sys.stderr)
"""

_processes = multiprocessing.get_context("forkserver")


@pytest.fixture
def sharded(tmp_path: Path, storage: Path) -> Path:  # noqa: ARG001 - where it is stored
    """Curate two shards with a fixed cut that keeps all but a blurred and a truncated picture; return their folder."""
    cut(tmp_path / "source" / "a.tar", (*GOOD[:4], BLURRED))
    cut(tmp_path / "source" / "b.tar", (*GOOD[4:], TRUNCATED))
    curate(tmp_path / "source", policy=str(fixed_cut(tmp_path)))
    return tmp_path / "source"


@pytest.fixture
def calibrated(tmp_path: Path, storage: Path) -> Path:  # noqa: ARG001 - where it is stored
    """Curate two shards of honest pairs by the false discovery rate."""
    cut(tmp_path / "source" / "a.tar", [*FIRST, BLURRED])
    cut(tmp_path / "source" / "b.tar", SECOND)
    with disable_run_logger():
        plan = unpinned(tmp_path / "source", policy=str(by_fdr(tmp_path)))
        for job in pilot_jobs(plan):
            drawn(job)
        plan = pin_calibration.fn(plan, make_calibration.fn(plan))
        finish_run.fn(plan, [committed(job, claimed(job)) for job in plan.jobs])
    return tmp_path / "source"


def curate(source: Path, **config: Any) -> None:
    with disable_run_logger():  # no flow is at work
        plan = plan_of(source, **config)
        finish_run.fn(plan, [committed(job, claimed(job)) for job in plan.jobs])


def lineage() -> dict[str, tuple[str, str | None, str, str | None, int | None]]:
    shown = pair_lineage.c
    query = select(shown.key, shown.verdict, shown.reason, shown.policy_version, shown.export_uri, shown.export_row)
    with workplace.store().connect() as connection:
        return {row.key: tuple(row)[1:] for row in connection.execute(query)}


def row_counts() -> dict[str, int]:
    with workplace.store().connect() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def told(pairsift: Command, *arguments: object) -> dict[str, Any]:
    code, out, err = pairsift(*arguments, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def cut_at(folder: Path, share: float) -> Path:
    """Write version 2 of the policy, which keeps a share of the pairs that are kept now."""
    with workplace.store().connect() as connection:
        kept = connection.scalars(select(pair_lineage.c.pair_alignment).where(pair_lineage.c.kept == 1)).all()
    return fixed_cut(folder, cut=float(np.quantile(kept, 1 - share)), version=2)


def test_decide_shows_what_changes_and_makes_it_the_lineage(pairsift: Command, sharded: Path):
    result = told(pairsift, "decide", "source", "--policy", cut_at(sharded.parent, 0.5))

    assert result["partitions"] == {"decided": 2, "known": 0, "left": [], "besides": []}
    assert result["before"] == {"read": 8, "kept": 6, "dropped": 1, "quarantined": 1}
    assert result["pairs"] == {"read": 8, "kept": 3, "dropped": 4, "quarantined": 1}
    assert result["reasons"] == {"below_cut": 3, "blurry": 1, "image_corrupt": 1}
    dropped = result["changes"]["newly_dropped"]
    assert dropped["count"] == dropped["reasons"]["below_cut"]["count"] == 3
    shown = lineage()
    assert {key for key, row in shown.items() if row[1] == "below_cut"} == set(
        dropped["reasons"]["below_cut"]["examples"]
    )
    assert {row[2] for row in shown.values()} == {"2"}
    assert {row[3:] for row in shown.values()} == {(None, None)}
    assert pairsift("check")[0] == 0


def test_decide_back_restores_the_lineage_to_the_letter(pairsift: Command, sharded: Path):
    before = lineage()
    told(pairsift, "decide", "source", "--policy", cut_at(sharded.parent, 0.5))

    result = told(pairsift, "decide", "source", "--policy", fixed_cut(sharded.parent))

    assert result["partitions"] == {"decided": 0, "known": 2, "left": [], "besides": []}
    assert result["changes"]["newly_kept"]["reasons"]["below_cut"]["count"] == 3
    assert lineage() == before
    assert pairsift("check")[0] == 0


def test_a_dry_run_writes_nothing(pairsift: Command, sharded: Path):
    strict = cut_at(sharded.parent, 0.5)
    before = (row_counts(), lineage())

    result = told(pairsift, "decide", "source", "--policy", strict, "--dry-run")

    assert (row_counts(), lineage()) == before
    assert (result["decision_set"], result["dry_run"]) == (None, True)
    written = told(pairsift, "decide", "source", "--policy", strict)
    assert written["changes"] == result["changes"]
    assert written["pairs"] == result["pairs"]


def test_deciding_again_twice_doubles_nothing(pairsift: Command, sharded: Path):
    strict = cut_at(sharded.parent, 0.5)
    first = told(pairsift, "decide", "source", "--policy", strict)
    before = row_counts()

    second = told(pairsift, "decide", "source", "--policy", strict)

    assert row_counts() == before
    assert second["partitions"] == {"decided": 0, "known": 2, "left": [], "besides": []}
    assert second["decision_set"] == first["decision_set"]
    assert {change["count"] for change in second["changes"].values()} == {0}


def test_a_named_partition_is_decided_alone(pairsift: Command, sharded: Path):
    result = told(pairsift, "decide", "source", "--policy", cut_at(sharded.parent, 0.1), "--partition", "b")

    assert (result["partitions"]["decided"], result["pairs"]["read"]) == (1, 3)
    assert {key: row[2] for key, row in lineage().items()} == {
        **{f"{key:09d}": "1" for key in (*GOOD[:4], BLURRED)},
        **{f"{key:09d}": "2" for key in (*GOOD[4:], TRUNCATED)},
    }


def test_decide_loads_neither_torch_nor_prefect_nor_opencv(sharded: Path):
    arguments = ["decide", "source", "--policy", str(cut_at(sharded.parent, 0.5)), "--json"]

    done = subprocess.run(
        [sys.executable, "-c", DECIDE, *arguments], capture_output=True, text=True, check=True, timeout=60
    )

    assert json.loads(done.stdout)["partitions"]["decided"] == 2
    assert done.stderr.splitlines()[-1] == "[]"


def test_processes_decide_as_one_does(pairsift: Command, sharded: Path, monkeypatch: pytest.MonkeyPatch):
    strict = cut_at(sharded.parent, 0.5)
    alone = told(pairsift, "decide", "source", "--policy", strict, "--dry-run")
    monkeypatch.setattr(decider, "PAIRS_OF_A_PROCESS", 4)  # of eight pairs: two processes
    others = multiprocessing.active_children()  # of tests before

    together = told(pairsift, "decide", "source", "--policy", strict)

    assert together["changes"] == alone["changes"]
    assert together["partitions"] == {"decided": 2, "known": 0, "left": [], "besides": []}
    assert {row[2] for row in lineage().values()} == {"2"}
    assert [child for child in multiprocessing.active_children() if child not in others] == []


def test_what_goes_wrong_in_a_process_is_told(pairsift: Command, sharded: Path, monkeypatch: pytest.MonkeyPatch):
    with workplace.store().begin() as connection:
        connection.execute(score.delete().where(score.c.ordinal == 1))
    monkeypatch.setattr(decider, "PAIRS_OF_A_PROCESS", 4)

    code, _, err = pairsift("decide", "source", "--policy", cut_at(sharded.parent, 0.5))

    assert code == 1
    assert "4 rows where 5 pairs are committed: run `pairsift check`" in err
    assert {row[2] for row in lineage().values()} == {"1"}


def decide_and_die(url: str, storage: Path, policy: str, partitions: int) -> None:
    """Decide in this process, which ends as by `kill -9` when so many partitions are decided.

    It is told where: a fork server has the environment of whichever test was the first to start one.
    """
    engine = open_engine(url)
    decided: list[object] = []

    def die(engine: Engine) -> None:  # noqa: ARG001 - the event's signature
        decided.append(None)
        if len(decided) == partitions:
            os.kill(os.getpid(), signal.SIGKILL)

    def count() -> None:
        die(engine)

    decide_again(engine, storage, Again("source", load_policy(policy)), count)


def test_a_kill_half_way_leaves_the_old_set_active_and_a_repeat_completes_it(pairsift: Command, sharded: Path):
    strict = str(cut_at(sharded.parent, 0.5))
    before = lineage()
    process = _processes.Process(target=decide_and_die, args=(Settings().store_url, Settings().storage, strict, 1))
    process.start()
    process.join()
    after_the_kill = (process.exitcode, lineage(), pairsift("check")[0], row_counts()["decided_attempt"])

    result = told(pairsift, "decide", "source", "--policy", strict)

    assert after_the_kill == (-signal.SIGKILL, before, 0, 3)
    assert result["partitions"] == {"decided": 1, "known": 1, "left": [], "besides": []}
    assert result["changes"]["newly_dropped"]["count"] == 3
    assert {row[2] for row in lineage().values()} == {"2"}


def test_diff_compares_by_id_name_or_version(pairsift: Command, sharded: Path):
    made = told(pairsift, "decide", "source", "--policy", cut_at(sharded.parent, 0.5))["decision_set"]

    by_version = told(pairsift, "diff", "source", "fixed-cut@1", "fixed-cut@2")
    by_name = told(pairsift, "diff", "source", 1, "fixed-cut")
    back = told(pairsift, "diff", "source", "active", "fixed-cut@1")

    assert by_version == by_name
    assert (by_version["a"]["id"], by_version["b"]["id"], by_version["b"]["active"]) == (1, made, True)
    assert by_version["changes"]["newly_dropped"]["reasons"]["below_cut"]["count"] == 3
    assert back["changes"]["newly_kept"]["reasons"] == by_version["changes"]["newly_dropped"]["reasons"]


def test_export_writes_the_files_of_the_active_set_beside_the_others(pairsift: Command, sharded: Path, storage: Path):
    first = {row[3] for row in lineage().values() if row[3]}
    told(pairsift, "decide", "source", "--policy", cut_at(sharded.parent, 0.5))

    result = told(pairsift, "export", "source", "--format", "shard")

    assert (result["partitions"], result["files"], result["kept"], result["left"]) == (2, 10, 3, [])
    shown = {key: row for key, row in lineage().items() if row[0] == "keep"}
    assert all(exported_key(row[3], row[4]) == key for key, row in shown.items())
    assert {row[3] for row in shown.values()} & first == set()
    assert all(Path(uri).is_file() for uri in first if uri is not None)
    manifest = json.loads((storage / "exports" / "source" / "manifest.json").read_text())
    assert len(manifest["files"]) == 10
    assert {str(storage / "exports" / "source" / file["path"]) for file in manifest["files"]} >= {
        row[3] for row in shown.values()
    }
    assert pairsift("check")[0] == 0


def exported_key(uri: str | None, row: int | None) -> str:
    assert uri is not None
    assert row is not None
    return str(pq.read_table(uri)["key"][row].as_py())


def test_an_export_of_what_a_run_committed_has_the_same_bytes(pairsift: Command, sharded: Path, tmp_path: Path):  # noqa: ARG001 - it is there
    theirs = {row[3] for row in lineage().values() if row[3]}

    result = told(pairsift, "export", "source", "--policy", "fixed-cut", "--out", tmp_path / "again")

    ours = {row[3] for row in lineage().values() if row[3]}
    assert result["out"] == str(tmp_path / "again")
    assert {Path(uri).read_bytes() for uri in ours if uri} == {Path(uri).read_bytes() for uri in theirs if uri}
    assert ours & theirs == set()


def test_calibrate_makes_a_new_one_of_the_survivors_and_decide_goes_by_it(
    pairsift: Command, calibrated: Path, storage: Path
):
    with workplace.store().connect() as connection:
        old = connection.execute(select(decision_set.c.calibration)).scalar_one()
    cut(calibrated / "c.tar", (36, 37, 38, 40))
    curate(calibrated, policy=str(by_fdr(calibrated.parent)))

    made = told(pairsift, "calibrate", "source")
    result = told(pairsift, "decide", "source", "--policy", by_fdr(calibrated.parent))

    assert made["before"] == old
    assert made["pairs"] == len(FIRST) + len(SECOND) + 4
    assert len(read_reference(storage / calibration_uri(made["calibration"])).uids) == made["pairs"]
    assert result["calibration"] == made["calibration"]
    assert result["partitions"] == {"decided": 3, "known": 0, "left": [], "besides": []}
    again = told(pairsift, "calibrate", "source")
    assert again["calibration"] == again["before"] == made["calibration"]


def test_calibrate_also_makes_the_window_that_drift_is_told_against(
    pairsift: Command, calibrated: Path, monkeypatch: pytest.MonkeyPatch
):
    few = told(pairsift, "calibrate", "source")["window"]
    monkeypatch.setattr(drifting, "MIN_WINDOW_PAIRS", 10)

    assert (few, told(pairsift, "calibrate", "source")["window"]) == (None, 1)
    cut(calibrated / "c.tar", (36, 37, 38, 40))
    curate(calibrated, policy=str(by_fdr(calibrated.parent)))
    assert told(pairsift, "calibrate", "source")["window"] == 2


def test_what_is_decided_by_a_new_calibration_is_what_a_run_decides(pairsift: Command, calibrated: Path):
    cut(calibrated / "c.tar", (36, 37, 38, 40))
    curate(calibrated, policy=str(by_fdr(calibrated.parent)))
    told(pairsift, "calibrate", "source")
    told(pairsift, "decide", "source", "--policy", by_fdr(calibrated.parent))
    decided = decisions_of(active=True)

    curate(calibrated, policy=str(by_fdr(calibrated.parent)))

    assert decisions_of(active=True) == decided
    assert sum(row[3] is not None for row in decided) == 21


def decisions_of(*, active: bool) -> list[tuple[object, ...]]:
    shown = pair_lineage.c
    columns = (shown.key, shown.verdict, shown.reason, shown.pair_alignment_z, shown.pair_alignment_p)
    with workplace.store().connect() as connection:
        assert active is (connection.scalar(select(dataset.c.active_decision_set_id)) is not None)
        query = select(*columns, shown.pair_alignment_q).order_by(shown.key)
        return [tuple(row) for row in connection.execute(query)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decide", "sourc", "--policy", "default"], "there is no data set 'sourc'; did you mean 'source'"),
        (["decide", "source", "--policy", "defalt"], "there is no policy 'defalt'"),
        (
            ["decide", "source", "--policy", "fixed", "--partition", "aa"],
            "no partition 'aa' is committed; did you mean",
        ),
        (["decide", "source", "--policy", "default"], "goes by a calibration, and the data set has none"),
        (["decide", "source", "--policy", "baseline"], "run the source with --policy baseline"),
        (["diff", "source", "fixed-cut", "fixed-cup"], "no decision set 'fixed-cup' of this data set; did you mean"),
        (["export", "source", "--format", "shards"], "there is no export format 'shards'; did you mean 'shard'"),
        (["export", "source", "--policy", "7"], "there is no decision set '7'"),
        (["calibrate", "nothing"], "there is no data set 'nothing'"),
        (["calibrate", "source"], "has too few pairs to calibrate by"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_exit_code_2_and_changes_nothing(
    pairsift: Command, sharded: Path, arguments: list[str], message: str
):
    named = [str(fixed_cut(sharded.parent)) if each == "fixed" else each for each in arguments]
    before = row_counts()

    code, out, err = pairsift(*named, "--json")

    assert (code, out) == (2, "")
    assert message in err
    assert row_counts() == before


def test_people_are_shown_tables(pairsift: Command, sharded: Path):
    strict = cut_at(sharded.parent, 0.5)

    dry = pairsift("decide", "source", "--policy", strict, "--dry-run")[1]
    decided = pairsift("decide", "source", "--policy", strict)[1]
    same = pairsift("decide", "source", "--policy", strict)[1]
    compared = pairsift("diff", "source", "fixed-cut@1", "active")[1]
    exported = pairsift("export", "source")[1]

    assert "Nothing was written" in dry
    assert "newly dropped" in decided
    assert "below_cut" in decided
    assert "Decision set 2 is active now" in decided
    assert "No pair is decided otherwise." in same
    assert "From decision set 1 (fixed-cut 1) to 2 (fixed-cut 2)" in compared
    assert "6 files of 2 partitions, 3 kept pairs" in exported
    assert all(len(line) <= 80 for line in decided.splitlines() if "active now" not in line)
