"""`pairsift forget`: looks first, takes down, and is completed whatever came between; tests of what is left are in
tests/adapters/store/test_takedowns.py."""

import fcntl
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import func, select

from pairsift.adapters import forgetting
from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.protocol import fail_attempt
from pairsift.adapters.store.tables import decision, label, takedown, tombstone
from pairsift.core.forgetting import FORGOTTEN_KEY, FORGOTTEN_UID
from pairsift.core.records import pair_uid
from tasks import workplace
from tasks.finish import finish_run
from tests.adapters.store.traces import marks_of, traces
from tests.command_line import Command
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import Members, cut, pairs_of, write_shard
from tests.tasks.steps import claimed, committed, plan_of, scored

KEY = "000000003"


@pytest.fixture
def source(storage: Path, tmp_path: Path) -> Path:  # noqa: ARG001 - where it is stored
    """Curate two shards that share a pair, as shards; return the sources."""
    folder = tmp_path / "source"
    cut(folder / "a.tar", (1, 2, 3))
    cut(folder / "b.tar", (3, 4))
    curate(folder, tmp_path)
    return folder


def curate(source: Path, folder: Path) -> dict[str, Any]:
    with disable_run_logger():
        plan = plan_of(source, policy=str(fixed_cut(folder)), export={"formats": ("shard",)})
        summary: dict[str, Any] = finish_run.fn(plan, [committed(job, claimed(job)) for job in plan.jobs])
    return summary


def members() -> Members:
    (found,) = pairs_of([int(KEY)]).values()
    return found


def picture() -> bytes:
    return next(data for suffix, data in members().items() if suffix in {"jpg", "png", "webp"})


@pytest.fixture
def marks() -> dict[str, bytes]:
    digest = hashlib.sha256(picture())
    return marks_of(pair_uid(digest.digest(), members()["txt"]), KEY, digest.hexdigest(), members())


def forget(pairsift: Command, *arguments: object, code: int = 0) -> dict[str, Any]:
    ended, out, error = pairsift("forget", *arguments, "--json")
    assert ended == code, error
    proof: dict[str, Any] = json.loads(out)
    return proof


def left(storage: Path, marks: dict[str, bytes]) -> list[str]:
    return traces(workplace.store(), [storage], marks)


@pytest.mark.usefixtures("source")
def test_looking_changes_nothing_and_names_what_was_found(pairsift: Command, storage: Path, marks: dict[str, bytes]):
    before = left(storage, marks)

    proof = forget(pairsift, f"source/a/{KEY}")

    assert left(storage, marks) == before
    assert (proof["applied"], proof["complete"]) == (False, False)
    assert proof["found"]["pairs"] == [f"source/a/{KEY}", f"source/b/{KEY}"]
    with workplace.store().connect() as connection:
        assert connection.execute(select(tombstone)).all() == []


@pytest.mark.usefixtures("source")
def test_people_are_told_what_goes_and_what_was_not_searched(pairsift: Command):
    _, looked, _ = pairsift("forget", f"b/{KEY}")
    _, done, _ = pairsift("forget", f"b/{KEY}", "--apply")

    assert f"source/b/{KEY}" in looked
    assert "With --apply it is taken down" in looked
    assert "Nothing is left" in done
    assert "Not searched: the sources themselves" in done
    assert KEY not in done


@pytest.mark.parametrize("step", ["_erase", "_rewrite", "_clear"])
@pytest.mark.usefixtures("source")
def test_a_takedown_that_was_killed_is_completed_by_the_same_command(
    pairsift: Command, storage: Path, marks: dict[str, bytes], step: str, monkeypatch: pytest.MonkeyPatch
):
    def die_after(done: Callable[..., Any]) -> Callable[..., Any]:
        def killed(*arguments: Any) -> None:
            done(*arguments)
            raise KeyboardInterrupt

        return killed

    takedowns = forgetting._Takedown  # noqa: SLF001 - its steps are where a process may be killed
    with monkeypatch.context() as patched:
        patched.setattr(takedowns, step, die_after(getattr(takedowns, step)))
        code, *_ = pairsift("forget", f"source/a/{KEY}", "--apply")
    assert code != 0

    proof = forget(pairsift, f"source/a/{KEY}", "--apply")

    assert proof["complete"]
    assert left(storage, marks) == []
    assert json.loads(pairsift("check", "--json")[1])["problems"] == []


def test_a_takedown_beside_a_run_is_complete_when_that_has_ended(
    pairsift: Command, storage: Path, source: Path, marks: dict[str, bytes], tmp_path: Path
):
    cut(source / "c.tar", (3, 8))
    with disable_run_logger():
        (job,) = plan_of(source, policy=str(fixed_cut(tmp_path)), export={"formats": ("shard",)}).jobs
        claim = claimed(job)
        scored(job, claim)

    beside = forget(pairsift, marks["uid"].decode(), "--apply", code=1)

    assert (beside["complete"], beside["at_work"]) == (False, ["source/c"])
    fail_attempt(workplace.store(), claim, "stopped")
    assert forget(pairsift, marks["uid"].decode(), "--apply")["complete"]
    assert left(storage, marks) == []


def test_by_an_images_sha256_chunks_of_failed_attempts_go_too(
    pairsift: Command, storage: Path, source: Path, marks: dict[str, bytes], tmp_path: Path
):
    other = pairs_of([3])
    other[KEY]["txt"] = b"another caption of the same picture"
    write_shard(source / "c.tar", other)
    with disable_run_logger():
        (job,) = plan_of(source, policy=str(fixed_cut(tmp_path))).jobs[-1:]
        claim = claimed(job)
        scored(job, claim)
    fail_attempt(workplace.store(), claim, "boom")

    assert forget(pairsift, marks["image sha256"].decode(), "--apply")["complete"]

    assert left(storage, {**marks, "caption": b"another caption of the same picture"}) == []
    assert curate(source, tmp_path)["reasons"]["forgotten"] == 3
    assert left(storage, {**marks, "caption": b"another caption of the same picture"}) == []


def test_without_the_source_files_with_pictures_go_and_the_rest_is_written_anew(
    pairsift: Command, storage: Path, source: Path, marks: dict[str, bytes]
):
    for shard in source.glob("*.tar"):
        shard.unlink()

    proof = forget(pairsift, KEY, "--apply")

    assert proof["complete"]
    assert any("shard of partition a of source could not be written" in note for note in proof["told"])
    assert left(storage, marks) == []
    assert sorted(path.name for path in storage.glob("exports/source/a/*/*")) == [
        "embeddings.parquet",
        "pairs.parquet",
        "uids.npy",
    ]


@pytest.mark.usefixtures("source")
def test_a_picture_and_a_list_stand_for_what_they_name(pairsift: Command, tmp_path: Path):
    asked, listed = tmp_path / "asked for.jpg", tmp_path / "requests.txt"
    asked.write_bytes(picture())
    listed.write_text(f"b/000000004\n\n{'ab' * 16}\n")

    proof = forget(pairsift, asked, listed)

    assert proof["found"]["pairs"] == [f"source/a/{KEY}", f"source/b/{KEY}", "source/b/000000004"]
    assert len(proof["tombstones"]) == 4


@pytest.mark.usefixtures("source")
def test_a_key_that_is_unknown_or_stands_for_several_pairs_is_refused(pairsift: Command, tmp_path: Path):
    pairs = pairs_of((1, 2))
    pairs["000000001"]["txt"] = b"another caption"
    curate(write_shard(tmp_path / "other" / "d.tar", pairs).parent, tmp_path)

    unknown = pairsift("forget", "nobody", "--apply")
    several = pairsift("forget", "000000001", "--apply")

    forget(pairsift, "a/000000002", "--apply")
    gone = pairsift("forget", FORGOTTEN_KEY, "--apply")

    assert (unknown[0], several[0], gone[0]) == (2, 2, 2)
    assert "no pair has the key 'nobody'" in unknown[2]
    assert "stands for 2 pairs (other/d/000000001, source/a/000000001)" in several[2]
    assert forget(pairsift, "other/d/000000001")["found"]["pairs"] == ["other/d/000000001"]


@pytest.mark.usefixtures("source")
def test_decisions_on_copies_and_labels_name_a_pair_that_was_taken_down_no_more(
    pairsift: Command, storage: Path, marks: dict[str, bytes]
):
    told = {"reason": "near_duplicate", "duplicate_of": f"a/{KEY}", "duplicate_group": marks["uid"].decode()}
    with writing(workplace.store()) as connection:
        connection.execute(decision.update().where(decision.c.ordinal == 0).values(verdict="drop", **told))
        said = {"dataset_id": 1, "good": True, "drawn": False, "made_by": "ada", "created_at": now(connection)}
        connection.execute(label.insert().values(uid=marks["uid"].decode(), **said))

    proof = forget(pairsift, marks["uid"].decode(), "--apply")

    assert proof["found"]["counts"]["decisions on copies of them"] > 0
    assert (proof["found"]["counts"]["labels"], proof["left"]["counts"]["labels"]) == (1, 0)
    assert left(storage, marks) == []
    query = select(decision.c.duplicate_of, decision.c.duplicate_group).where(decision.c.reason == "near_duplicate")
    with workplace.store().connect() as connection:
        assert set(connection.execute(query)) == {("a/forgotten", FORGOTTEN_UID)}
        assert connection.scalar(select(func.count()).select_from(takedown)) == 0


@pytest.mark.usefixtures("source")
def test_of_two_takedowns_at_once_the_second_is_refused(pairsift: Command, storage: Path):
    with (storage / "forget.lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, _, error = pairsift("forget", f"a/{KEY}", "--apply")

    assert code == 1
    assert "another takedown is under way" in error
    assert forget(pairsift, f"a/{KEY}", "--apply")["complete"]
