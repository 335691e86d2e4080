"""The report of real pairs, by the command and by a run's last stage; the stages ran without Prefect."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import select, update

from pairsift.adapters import courses, drifting
from pairsift.adapters.overviews import Asked, survey
from pairsift.adapters.store.engine import writing
from pairsift.adapters.store.looked_at import committed_by
from pairsift.adapters.store.tables import attempt, decision, drift
from pairsift.core.overview import Overview
from tasks import workplace
from tasks.finish import finish_run
from tests.command_line import Command
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import BLURRED, GOOD, TRUNCATED, cut, pairs_of
from tests.tasks.steps import claimed, committed, plan_of


@pytest.fixture
def sharded(tmp_path: Path, storage: Path) -> Path:  # noqa: ARG001 - where it is stored
    """Two shards, of which a blurred and a truncated picture and the copy of a pair are not kept."""
    cut(tmp_path / "source" / "a.tar", (*GOOD[:4], BLURRED))
    cut(tmp_path / "source" / "b.tar", (*GOOD[4:], TRUNCATED))
    return tmp_path / "source"


def curate(source: Path, run_id: str = "run-1", **config: Any) -> dict[str, Any]:
    with disable_run_logger():  # no flow is at work
        plan = plan_of(source, run_id, policy=str(fixed_cut(source.parent)), **config)
        return finish_run.fn(plan, [committed(job, claimed(job)) for job in plan.jobs])


def two_days_earlier() -> None:
    """Move everything that is committed two days back."""
    with writing(workplace.store()) as connection:
        ended = connection.scalars(select(attempt.c.ended_at)).first()
        assert ended is not None
        connection.execute(update(attempt).values(ended_at=ended - timedelta(days=2)))


def looked_at(run_id: str | None = None) -> Overview:
    found = survey(workplace.store(), Asked("source", run_id))
    assert found is not None
    return found


def test_the_command_draws_what_was_kept_and_why(pairsift: Command, sharded: Path, storage: Path):
    curate(sharded)

    _, out, _ = pairsift("report", "source", "--json")
    told = json.loads(out)

    page = Path(told["report"])
    assert page == storage / "reports" / "source.html"
    assert told["pairs"] == {"read": 8, "kept": 6, "dropped": 1, "quarantined": 1}
    assert told["bytes"] == page.stat().st_size
    text = page.read_text(encoding="utf-8")
    assert len(re.findall("<img ", text)) == 6 + 6 + 6 + 1  # best, just kept and any; the blurred one
    assert text.count("no picture: image_corrupt") == 1


def test_every_run_draws_a_page_of_its_own(sharded: Path, storage: Path):
    first = curate(sharded)
    cut(sharded / "c.tar", (8, 9))
    second = curate(sharded, "run-2")

    assert Path(first["report"]) == storage / "reports" / "source" / "run-1.html"
    assert Path(second["report"]) == storage / "reports" / "source" / "run-2.html"
    assert [group.name for group in looked_at("run-2").partitions] == ["c"]
    assert [(row.run_id, row.read) for row in looked_at().runs] == [("run-1", 8), ("run-2", 2)]


def test_a_run_that_committed_nothing_or_is_not_asked_to_draws_none(sharded: Path):
    assert curate(sharded, report=False)["report"] is None
    assert curate(sharded, "run-2")["report"] is None  # all was committed by the first


def test_pictures_that_are_gone_or_others_by_now_are_told_as_such(sharded: Path):
    curate(sharded)
    (sharded / "a.tar").unlink()
    cut(sharded / "b.tar", (*reversed(GOOD[4:]), TRUNCATED))

    cards = [card for gallery in looked_at().galleries for card in gallery.cards]

    assert {card.unseen for card in cards if card.partition == "a"} == {"not in the source any more"}
    assert {card.picture for card in cards} == {None}


def test_a_picture_that_could_not_be_decoded_is_not_tried_again(sharded: Path, monkeypatch: pytest.MonkeyPatch):
    curate(sharded, report=False)
    tried: list[bytes | None] = []
    monkeypatch.setattr("pairsift.adapters.pictures.make_thumbnail", lambda data, *_: tried.append(data))

    cards = [card for gallery in looked_at().galleries for card in gallery.cards]

    assert [card.unseen for card in cards if card.verdict == "quarantine"] == ["image_corrupt"]
    (broken,) = pairs_of([TRUNCATED]).values()
    assert tried
    assert not {*broken.values()} & {*tried}


def test_a_copy_is_shown_with_the_pair_that_is_kept_in_its_place(tmp_path: Path, storage: Path):  # noqa: ARG001 - where it is stored
    original, copy = 4, 16
    cut(tmp_path / "source" / "a.tar", (1, original, copy))
    curate(tmp_path / "source")

    (shown,) = (gallery for gallery in looked_at().galleries if gallery.reason == "exact_duplicate")

    (group,) = shown.groups
    assert group.keeper is not None
    assert (group.keeper.key, group.keeper.duplicate_of) == (f"{original:09d}", None)
    assert [(card.key, card.duplicate_of) for card in group.copies] == [(f"{copy:09d}", f"a/{original:09d}")]
    assert all(card.picture for card in (group.keeper, *group.copies))


def test_what_is_kept_in_a_copy_s_place_is_found_in_what_another_run_committed(tmp_path: Path, storage: Path):  # noqa: ARG001 - where it is stored
    cut(tmp_path / "source" / "b.tar", (2,))
    curate(tmp_path / "source", report=False)
    cut(tmp_path / "source" / "a.tar", (4, 16))
    curate(tmp_path / "source", "run-2", report=False)
    with writing(workplace.store()) as connection:
        elsewhere = update(decision).where(decision.c.duplicate_of.is_not(None)).values(duplicate_of="b/000000002")
        connection.execute(elsewhere)

    (shown,) = (gallery for gallery in looked_at("run-2").galleries if gallery.reason == "exact_duplicate")

    (group,) = shown.groups
    assert group.keeper is not None
    assert (group.keeper.partition, group.keeper.key) == ("b", "000000002")


def test_what_was_committed_is_told_by_its_day_whatever_run_is_asked_for(
    sharded: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(drifting, "MIN_WINDOW_PAIRS", 8)
    curate(sharded, report=False)
    two_days_earlier()
    cut(sharded / "c.tar", (8, 9))
    curate(sharded, "run-2", report=False)

    course = looked_at("run-2").course

    first, last = course.days
    assert last.date - first.date == timedelta(days=2)
    assert [(day.read, day.kept) for day in course.days] == [(8, 6), (2, 2)]
    assert (course.window, course.earlier) == (1, 0)
    sharpness = next(signal for signal in course.signals if signal.name == "image.sharpness")
    assert all(sharpness.days)
    assert sharpness.days[0] is not None
    assert sharpness.before == sharpness.days[0].middle  # the window is of that day


def test_only_the_latest_days_are_told(sharded: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(courses, "LATEST_DAYS", 1)
    curate(sharded, report=False)
    two_days_earlier()
    cut(sharded / "c.tar", (8, 9))
    curate(sharded, "run-2", report=False)

    course = looked_at().course

    assert ([day.read for day in course.days], course.earlier) == ([2], 1)


def test_what_moved_is_told_of_the_day_of_its_partition(sharded: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(drifting, "MIN_WINDOW_PAIRS", 8)
    curate(sharded, report=False)
    result = {"level": "warn", "moved": ["image.brightness"], "findings": []}
    with writing(workplace.store()) as connection:
        connection.execute(update(drift).where(drift.c.attempt_id == 1).values(level="warn", result=result))

    (day,) = looked_at().course.days

    assert [(each.partition, each.result["moved"]) for each in day.moved] == [("a", ["image.brightness"])]
    assert day.level == "warn"


def test_a_partition_that_is_committed_at_the_same_moment_waits_for_the_next_report(
    sharded: Path, monkeypatch: pytest.MonkeyPatch
):
    curate(sharded, report=False)
    before = committed_by(workplace.store(), 1)
    cut(sharded / "c.tar", (8, 9))
    curate(sharded, "run-2", report=False)
    monkeypatch.setattr("pairsift.adapters.overviews.committed_by", lambda *_: before)  # as it was read

    assert [group.name for group in looked_at().partitions] == ["a", "b"]


@pytest.mark.parametrize(("arguments", "said"), [(("nosuch",), "nosuch"), (("source", "--run", "r9"), "by run r9")])
def test_what_is_not_there_is_an_error(pairsift: Command, sharded: Path, arguments: tuple[str, ...], said: str):
    curate(sharded)

    exit_code, _, error = pairsift("report", *arguments)

    assert exit_code == 2
    assert said in error
