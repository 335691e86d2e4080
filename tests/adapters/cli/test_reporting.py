"""The report of real pairs, by the command and by a run's last stage; the stages ran without Prefect."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from pairsift.adapters.overviews import Asked, survey
from pairsift.core.overview import Overview
from tasks import workplace
from tasks.finish import finish_run
from tests.command_line import Command
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import BLURRED, GOOD, TRUNCATED, cut
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


def test_a_copy_is_shown_with_the_pair_that_is_kept_in_its_place(tmp_path: Path, storage: Path):  # noqa: ARG001 - where it is stored
    original, copy = 4, 16
    cut(tmp_path / "source" / "a.tar", (1, original, copy))
    curate(tmp_path / "source")

    (shown,) = (gallery for gallery in looked_at().galleries if gallery.reason == "exact_duplicate")

    assert [(card.key, card.duplicate_of) for card in shown.cards] == [
        (f"{copy:09d}", f"a/{original:09d}"),
        (f"{original:09d}", None),
    ]
    assert all(card.picture for card in shown.cards)


@pytest.mark.parametrize(("arguments", "said"), [(("nosuch",), "nosuch"), (("source", "--run", "r9"), "by run r9")])
def test_what_is_not_there_is_an_error(pairsift: Command, sharded: Path, arguments: tuple[str, ...], said: str):
    curate(sharded)

    exit_code, _, error = pairsift("report", *arguments)

    assert exit_code == 2
    assert said in error
