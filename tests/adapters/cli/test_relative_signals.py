"""negCLIPLoss and NormSim in a run, decided again, explained, and in the files; the stages ran without Prefect."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import select

from pairsift.adapters.calibrations import load_calibration
from pairsift.adapters.overviews import Asked, survey
from pairsift.adapters.policies import load_policy
from pairsift.adapters.redeciding import Again, decide_again
from pairsift.adapters.store.tables import attempt, decision, decision_set
from pairsift.adapters.store.views import pair_lineage
from pairsift.adapters.targets import load_target
from pairsift.core.calibration import calibration_of, target_of
from pairsift.core.norm_sim import norm_sim
from tasks import workplace
from tasks.calibrate import make_calibration, pilot_jobs
from tasks.finish import finish_run
from tasks.plan import pin_calibration
from tests.command_line import Command
from tests.tasks.shards import BLURRED, Members, cut, pairs_of
from tests.tasks.steps import claimed, committed, drawn, unpinned

FIRST, SECOND = (1, 2, 3, 4, 8, 9, 10, 13), (17, 18, 19, 21, 22, 24, 30, 34)
TARGET = (36, 37, 38, 40)
POLICY = """
name: {name}
version: 1
description: By how far a pair stands out, and how near its picture is to a target set.
rules: [{{signal: pair.norm_sim, lt: 0.05, reason: policy_rule}}]
target: {{name: mine, norm: {norm}}}
temperature: {temperature}
select:
  method: in_turn
  of:
    - {{method: top_fraction, signal: pair.neg_clip_loss, fraction: 0.5, pool: run, among: all}}
    - {{method: top_fraction, signal: pair.norm_sim, fraction: 0.25, pool: run, among: all}}
"""
NEAR = """
name: near
version: 1
description: Keeps what is near the target set.
target: {name: downstream}
select: {method: absolute, signal: pair.norm_sim, ge: 0.5}
"""
DECIDE = """
import sys
from pairsift.cli import main
try:
    main()
finally:
    print(sorted({"torch", "prefect", "cv2"} & set(sys.modules)), file=sys.stderr)
"""


def policy(folder: Path, name: str = "near", norm: object = "inf", temperature: float = 0.05) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(POLICY.format(name=name, norm=norm, temperature=temperature))
    return path


@pytest.fixture
def sharded(tmp_path: Path, storage: Path) -> Path:  # noqa: ARG001 - where it is stored
    cut(tmp_path / "source" / "a.tar", [*FIRST, BLURRED])
    cut(tmp_path / "source" / "b.tar", SECOND)
    return tmp_path / "source"


@pytest.fixture
def target(pairsift: Command, tmp_path: Path, storage: Path) -> str:  # noqa: ARG001 - where it is stored
    """Make a target set of a folder of pictures, one of them twice and one unreadable."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for key, members in pairs_of(TARGET).items():
        put_picture(folder / key, members)
        put_picture(folder / f"again-{key}", members)
    (folder / "broken.jpg").write_bytes(b"no picture")
    made = told(pairsift, "target", folder, "--name", "mine")
    assert (made["read"], made["unreadable"], made["pictures"]) == (5, 1, 4)
    return str(made["target"])


def put_picture(path: Path, members: Members) -> None:
    (suffix,) = members.keys() & {"jpg", "png", "webp"}
    path.with_suffix(f".{suffix}").write_bytes(members[suffix])


def told(pairsift: Command, *arguments: object) -> dict[str, Any]:
    code, out, err = pairsift(*arguments, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def curate(source: Path, policy: Path) -> None:
    """Curate a source, and settle the run as its flow does."""
    with disable_run_logger():
        plan = unpinned(source, policy=str(policy))
        for job in pilot_jobs(plan):
            drawn(job)
        plan = pin_calibration.fn(plan, plan.job.calibration or make_calibration.fn(plan))
        finish_run.fn(plan, [committed(job, claimed(job)) for job in plan.jobs])
    decide_again(workplace.store(), workplace.storage(), Again(plan.dataset, load_policy(str(policy))))


def shown(*names: str) -> dict[str, tuple[Any, ...]]:
    columns = [pair_lineage.c[name] for name in names]
    with workplace.store().connect() as connection:
        return {row[0]: tuple(row)[1:] for row in connection.execute(select(pair_lineage.c.key, *columns))}


def active_basis() -> str:
    with workplace.store().connect() as connection:
        return str(connection.scalars(select(decision_set.c.calibration).order_by(decision_set.c.id.desc())).first())


def test_a_run_keeps_the_nearest_of_those_that_stand_out(sharded: Path, target: str, tmp_path: Path):
    curate(sharded, policy(tmp_path))

    rows = shown("pair_neg_clip_loss", "pair_norm_sim", "kept")
    losses = {key: loss for key, (loss, _, _) in rows.items()}
    best = sorted(losses, key=lambda key: -losses[key])[:9]  # ⌈0.5 × 17⌉
    nearest = sorted(best, key=lambda key: -rows[key][1])[:5]  # ⌈0.25 × 17⌉
    assert {key for key, row in rows.items() if row[2]} == set(nearest)
    assert len(rows) == len(FIRST) + len(SECOND) + 1
    assert target_of(active_basis()) == target


@pytest.mark.usefixtures("target")
def test_the_report_orders_pairs_by_the_signal_that_selected_them(sharded: Path, tmp_path: Path):
    curate(sharded, policy(tmp_path))

    found = survey(workplace.store(), Asked("source"))

    losses = sorted((loss for (loss,) in shown("pair_neg_clip_loss").values()), reverse=True)
    assert found is not None
    assert found.cut is not None
    assert found.cut.score == "pair.neg_clip_loss"
    assert found.cut.bins[-1].high == pytest.approx(losses[0])
    assert found.galleries[0].cards[0].score == max(
        row[0] for row in shown("pair_neg_clip_loss", "kept").values() if row[1]
    )


def test_what_is_stored_is_what_the_calibration_and_the_target_set_say(sharded: Path, target: str, tmp_path: Path):
    curate(sharded, policy(tmp_path))
    storage = workplace.storage()
    with workplace.store().connect() as connection:
        scored = str(connection.scalars(select(attempt.c.score_fingerprint)).first())

    reference = load_calibration(storage, calibration_of(active_basis()), scored).reference.pairs
    near = norm_sim(reference.image, load_target(storage, target), "inf")

    stored = {row[0] for row in shown("pair_norm_sim").values()}
    assert {round(float(value), 6) for value in near} <= {round(value, 6) for value in stored}
    assert max(stored) < 1  # no picture of the target set is among the pairs


@pytest.mark.usefixtures("target")
def test_a_decision_from_stored_scores_needs_no_model_and_is_that_of_a_run(sharded: Path, tmp_path: Path):
    first, other = policy(tmp_path), policy(tmp_path, "other", norm=2, temperature=0.02)
    curate(sharded, first)
    nearest = shown("pair_norm_sim")

    asked = [sys.executable, "-c", DECIDE, "decide", "source", "--policy", str(other), "--json"]
    ended = subprocess.run(asked, capture_output=True, text=True, check=True)

    assert ended.stderr.strip().splitlines()[-1] == "[]"
    again = shown("pair_neg_clip_loss", "pair_norm_sim", "verdict", "reason")
    assert json.loads(ended.stdout)["partitions"]["decided"] == 2
    curate(sharded, other)
    assert shown("pair_neg_clip_loss", "pair_norm_sim", "verdict", "reason") == again
    assert all(again[key][1] > near for key, (near,) in nearest.items())  # over all four, not the nearest alone


@pytest.mark.usefixtures("target")
def test_what_another_set_holds_is_taken_from_there(pairsift: Command, sharded: Path, tmp_path: Path, storage: Path):
    curate(sharded, policy(tmp_path))
    before = shown("pair_neg_clip_loss", "pair_norm_sim")
    for file in storage.glob("chunks/**/*.parquet"):
        file.unlink()

    result = told(pairsift, "decide", "source", "--policy", policy(tmp_path, "renamed"))

    assert result["partitions"]["decided"] == 2
    assert shown("pair_neg_clip_loss", "pair_norm_sim") == before


@pytest.mark.usefixtures("target")
def test_a_policy_that_goes_by_neither_stores_neither(pairsift: Command, sharded: Path, tmp_path: Path):
    curate(sharded, policy(tmp_path))

    told(pairsift, "decide", "source", "--policy", "cleanvision")

    assert set(shown("pair_neg_clip_loss", "pair_norm_sim").values()) == {(None, None)}


@pytest.mark.usefixtures("target")
def test_files_and_the_story_of_a_pair_tell_both(pairsift: Command, sharded: Path, tmp_path: Path):
    curate(sharded, policy(tmp_path))
    exported = told(pairsift, "export", "source")

    (pair,) = told(pairsift, "explain", "000000002")["pairs"]

    columns = ["key", "pair_neg_clip_loss", "pair_norm_sim"]
    written = [
        row
        for file in Path(exported["out"]).glob("source/*/*/pairs.parquet")
        for row in pq.read_table(file, columns=columns).to_pylist()
    ]
    stored = shown("pair_neg_clip_loss", "pair_norm_sim")
    assert {row["key"]: (row["pair_neg_clip_loss"], row["pair_norm_sim"]) for row in written} == stored
    told_of = (pair["decision"]["pair_neg_clip_loss"], pair["decision"]["pair_norm_sim"])
    assert told_of == stored["000000002"]


def test_a_target_set_that_is_made_anew_is_another_decision(
    pairsift: Command, sharded: Path, target: str, tmp_path: Path
):
    curate(sharded, policy(tmp_path))
    before = shown("pair_norm_sim")
    folder = tmp_path / "pictures"
    put_picture(folder / "more", pairs_of([41])["000000041"])

    made = told(pairsift, "target", folder, "--name", "mine")
    told(pairsift, "decide", "source", "--policy", policy(tmp_path))

    assert made["before"] == target
    assert target_of(active_basis()) == made["target"]
    after = shown("pair_norm_sim")
    assert all(after[key] >= before[key] for key in before)
    assert after != before


@pytest.mark.usefixtures("target")
def test_embeddings_of_an_export_are_a_target_set_as_well(pairsift: Command, sharded: Path, tmp_path: Path):
    curate(sharded, policy(tmp_path))
    (file, *_) = Path(told(pairsift, "export", "source")["out"]).glob("source/*/*/embeddings.parquet")
    kept = pq.read_table(file, columns=["key"])["key"].to_pylist()

    told(pairsift, "target", file, "--name", "mine")
    told(pairsift, "decide", "source", "--policy", policy(tmp_path))

    near = shown("pair_norm_sim")
    assert kept
    assert [near[key][0] for key in kept] == pytest.approx([1] * len(kept), abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["target", "short.npy", "--name", "mine"], "embeddings of conse have"),
        (["target", "short.npy", "--name", "My target"], "the command is not usable: name"),
        (["target", "empty", "--name", "mine"], "none of 1 pictures can be read"),
        (["decide", "source", "--policy", "near.yaml"], "`pairsift target SOURCE --name downstream`"),
        (["evaluate", "source", "--policy", "near.yaml"], "`pairsift target SOURCE --name downstream`"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_not_there_is_told_before_anything_is_done(
    pairsift: Command, curated: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
):
    monkeypatch.chdir(curated.parent)
    np.save("short.npy", np.eye(3))
    Path("near.yaml").write_text(NEAR)
    Path("empty").mkdir()
    Path("empty/broken.jpg").write_bytes(b"no picture")

    code, out, err = pairsift(*arguments, "--json")

    assert (code, out) == (2, "")
    assert message in err


def test_a_run_without_its_target_set_is_refused_before_anything_is_registered(sharded: Path, tmp_path: Path):
    with pytest.raises(Exception, match=r"`pairsift target SOURCE --name mine` makes one"):
        curate(sharded, policy(tmp_path))

    with workplace.store().connect() as connection:
        assert connection.scalars(select(decision.c.ordinal)).all() == []


def test_people_are_told_what_a_name_stands_for(pairsift: Command, sharded: Path, target: str):
    first = pairsift("target", sharded, "--name", "mine")[1]
    again = pairsift("target", sharded, "--name", "mine")[1]

    assert f"Before       {target}" in first
    assert "17 different pictures of 17 read, 0 unreadable" in first
    assert "Policies with target: {name: mine} go by it" in first
    assert "nothing changes" in again
