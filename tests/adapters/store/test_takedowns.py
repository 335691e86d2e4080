"""A pair that was taken down is found nowhere, and stays out; on both engines, with real files of every kind."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import Engine, func, select

from pairsift.adapters.checking import check
from pairsift.adapters.forgetting import Proof, forget
from pairsift.adapters.pruning import Kept
from pairsift.adapters.released import verify_release
from pairsift.adapters.releases import Asked, make_release
from pairsift.adapters.store.views import pair_lineage
from pairsift.core.records import Reason, pair_uid
from tasks import workplace
from tasks.calibrate import make_calibration, pilot_jobs
from tasks.finish import finish_run
from tasks.plan import pin_calibration
from tests.adapters.store.traces import marks_of, traces
from tests.tasks.policy_files import by_fdr
from tests.tasks.shards import cut, pairs_of
from tests.tasks.steps import claimed, committed, drawn, unpinned

KEY = "000000003"
FIRST, SECOND = (1, 2, 3, 4, 8, 9), (17, 18, 19, 21, 22, 3)
FORMATS = ("shard", "images", "clip-retrieval", "open-clip-csv", "kohya")


@pytest.fixture
def store(url: str, storage: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:  # noqa: ARG001 - where it is
    """Let the tasks work on the test's database."""
    monkeypatch.setenv("PAIRSIFT_DATABASE_URL", url)
    with disable_run_logger():
        yield workplace.store()
    workplace.store().dispose()


@pytest.fixture
def kept(store: Engine, storage: Path) -> Kept:  # noqa: ARG001 - the scratch is its own
    return Kept(storage, workplace.scratch())


@pytest.fixture
def curated(store: Engine, storage: Path, tmp_path: Path) -> Path:
    """Curate two shards that share a pair, one of them twice, in every format, and release it; return the sources."""
    source = tmp_path / "source"
    cut(source / "a.tar", FIRST[:-1])
    cut(source / "b.tar", SECOND)
    run(source, tmp_path)
    cut(source / "a.tar", FIRST)
    run(source, tmp_path)
    make_release(store, storage, Asked("first"), lambda: None)
    return source


def run(source: Path, folder: Path) -> dict[str, Any]:
    """Run over a source as the flow does; the first time with pilots and a calibration of them."""
    policy = by_fdr(folder)
    policy.write_text(policy.read_text().replace("alpha: 0.2", "alpha: 0.99"))  # every pair is to be kept
    plan = unpinned(source, policy=str(policy), export={"formats": FORMATS})
    for job in pilot_jobs(plan):
        drawn(job)
    plan = pin_calibration.fn(plan, make_calibration.fn(plan) if plan.pilots else plan.job.calibration)
    summary: dict[str, Any] = finish_run.fn(plan, [committed(job, claimed(job)) for job in plan.jobs])
    return summary


@pytest.fixture
def marks() -> dict[str, bytes]:
    (members,) = pairs_of([int(KEY)]).values()
    picture = hashlib.sha256(next(data for suffix, data in members.items() if suffix in {"jpg", "png", "webp"}))
    return marks_of(pair_uid(picture.digest(), members["txt"]), KEY, picture.hexdigest(), members)


def take_down(store: Engine, kept: Kept, *names: object) -> Proof:
    return forget(store, kept, [str(name) for name in names], apply=True, tell=lambda _: None)


def shown(store: Engine) -> dict[str, int]:
    query = select(func.coalesce(pair_lineage.c.reason, "kept"), func.count()).group_by(pair_lineage.c.reason)
    with store.connect() as connection:
        return dict(connection.execute(query).tuples().all())


def test_a_pair_that_was_taken_down_is_found_nowhere_stays_out_and_is_withdrawn_from_releases(
    store: Engine, kept: Kept, curated: Path, marks: dict[str, bytes], tmp_path: Path
):
    before = traces(store, [kept.storage], marks)
    manifest = kept.storage / "exports" / "source" / "releases" / "first.json"
    released = manifest.read_bytes()
    assert {name.partition(" in ")[0] for name in before} == set(marks)

    proof = take_down(store, kept, marks["uid"].decode())

    assert traces(store, [kept.storage], marks) == []
    assert proof.complete
    assert proof.found.counts["rows of pairs"] == 3
    assert proof.found.counts["chunk files"] == 2
    assert proof.found.counts["calibrations"] == 1
    assert proof.found.releases == ["first"]
    assert proof.left is not None
    assert set(proof.left.counts.values()) == {0}
    assert check(store, kept.storage, repair=False).problems == []
    assert shown(store)[Reason.FORGOTTEN] == 2

    verified = verify_release(store, "first")
    withdrawn = json.loads(manifest.with_name("first.withdrawn.json").read_text())["withdrawn"]
    assert (manifest.read_bytes(), verified.problems) == (released, [])
    assert verified.withdrawn == len(withdrawn) == verified.files - 1

    summary = run(curated, tmp_path)

    assert traces(store, [kept.storage], marks) == []
    assert summary["reasons"][Reason.FORGOTTEN] == 2
    assert summary["pairs"]["read"] == 12
    assert check(store, kept.storage, repair=False).problems == []
