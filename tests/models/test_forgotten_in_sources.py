"""Commands that read a source themselves use no pair that was taken down, and say how many they left out."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from pairsift import quantising
from pairsift.adapters.remaining import find_takedowns
from pairsift.adapting import Outcome
from pairsift.cli.training import find_lessons
from pairsift.config import RunConfig, ScoreConfig
from pairsift.core.adapting import Worth
from pairsift.core.training import TrainRequest
from pairsift.quantising import read_pairs
from pairsift.settings import Settings
from tasks.train import gather_lessons, plan_training
from tests.command_line import Command
from tests.models.tiny_clips import write_clip
from tests.taken_down import take_down_here
from tests.tasks.shards import GOOD, cut

TAKEN_DOWN = 3
REST = tuple(number for number in GOOD if number != TAKEN_DOWN)


@pytest.fixture(autouse=True)
def own_storage(storage: Path) -> Path:
    """Let no test of this file touch the storage of the checkout."""
    return storage


@pytest.fixture
def encoder(tmp_path: Path) -> str:
    """Make an encoder that takes milliseconds."""
    return f"open_clip:{write_clip(tmp_path / 'models' / 'vit', 'vit')}"


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return cut(tmp_path / "whole" / "a.tar", GOOD)


@pytest.fixture
def rest(tmp_path: Path) -> Path:
    """The same source without the pair that is taken down."""
    return cut(tmp_path / "rest" / "a.tar", REST)


def told(pairsift: Command, *arguments: object) -> dict[str, Any]:
    code, out, err = pairsift(*arguments, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize(("command", "made"), [("target", "target"), ("evaluation-set", "evaluation_set")])
def test_a_set_is_that_of_the_source_without_it(
    pairsift: Command, encoder: str, whole: Path, rest: Path, *, command: str, made: str
):
    asked = ("--name", "mine", "--encoder", encoder)
    before, expected = told(pairsift, command, whole, *asked), told(pairsift, command, rest, *asked)
    take_down_here(TAKEN_DOWN)

    found = told(pairsift, command, whole, *asked)

    assert found[made] == expected[made] != before[made]
    assert (before["read"], before["forgotten"]) == (len(GOOD), 0)
    assert (found["read"], found["forgotten"]) == (len(REST), 1)


def test_people_are_told_how_many_were_left_out(pairsift: Command, encoder: str, whole: Path):
    take_down_here(TAKEN_DOWN)

    code, out, _ = pairsift("target", whole, "--name", "mine", "--encoder", encoder)

    assert code == 0
    assert "Pairs taken down by pairsift forget, and left out: 1" in out


def test_towers_are_made_of_and_measured_on_others(whole: Path, rest: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(quantising, "LEAST_PAIRS", 2)
    take_down_here(TAKEN_DOWN)
    takedowns = find_takedowns(Settings().store_url)

    found, expected = (
        read_pairs(str(source), RunConfig(), 6, takedowns, english_only=True) for source in (whole, rest)
    )

    assert found.uids == expected.uids
    assert takedowns.left_out == 1


def test_an_adapter_is_fitted_on_others(whole: Path, rest: Path):
    take_down_here(TAKEN_DOWN)

    _, found, forgotten = find_lessons(str(whole), None, RunConfig(), 100, 0)

    _, expected, _ = find_lessons(str(rest), None, RunConfig(), 100, 0)
    assert (found, forgotten) == (expected, 1)


def test_an_adapter_s_outcome_tells_how_many_were_left_out(
    pairsift: Command, whole: Path, monkeypatch: pytest.MonkeyPatch
):
    worth = Worth(*[0.5] * len(fields(Worth)))
    outcome = Outcome("mine", "conse", str(whole), 5, 5, 1.0, worth, "file", "sha256", 1.0)
    monkeypatch.setattr("pairsift.adapting.adapt", lambda *_: outcome)
    take_down_here(TAKEN_DOWN)

    assert told(pairsift, "adapt", whole, "--name", "mine")["forgotten"] == 1


def test_a_head_is_trained_on_others_and_anew(encoder: str, whole: Path, rest: Path):
    config = RunConfig(score=ScoreConfig(encoder=encoder, device="cpu", dtype="float32"))

    def gathered(source: Path) -> tuple[str, str, int]:
        request = TrainRequest(name="tiny", source=str(source), config=config)
        with disable_run_logger():
            found = gather_lessons.fn(plan_training.fn(request))
        return found.tokens, found.pairs_sha256, found.forgotten

    tokens, before, _ = gathered(whole)
    take_down_here(TAKEN_DOWN)

    again, found, forgotten = gathered(whole)

    assert (found, forgotten) == (gathered(rest)[1], 1)
    assert again != tokens
    assert before != found


def test_an_exam_takes_others(pairsift: Command, encoder: str, whole: Path):
    take_down_here(TAKEN_DOWN)

    code, out, err = pairsift("evaluate", whole, "--encoder", encoder, "--json")

    assert (code, out) == (2, "")
    assert "4 of 5 pairs read are usable" in err


@pytest.mark.parametrize("command", ["evaluate", "quantise"])
def test_a_command_that_stores_nothing_makes_no_database(
    pairsift: Command, encoder: str, whole: Path, storage: Path, command: str
):
    code, _, err = pairsift(command, whole, "--encoder", encoder, "--json")

    assert code == 2
    assert "6 of 6 pairs read are usable" in err
    assert not storage.exists()
