"""Who watches a training is told its steps, and nobody else is."""

import io

import pytest
from rich.console import Console

from pairsift import progress
from tasks.telling import Step, tell, watched_by

STEPS = (Step("pairs encoded", 64, 200), Step("pairs encoded", 128, 200), Step("epochs", 3, 12, "AUC 0.812"))


def test_a_step_is_told_to_who_watches_and_only_while_the_block_runs():
    outer: list[Step] = []
    inner: list[Step] = []

    with watched_by(outer.append):
        tell(STEPS[0])
        with watched_by(inner.append):
            tell(STEPS[1])
        tell(STEPS[2])
    tell(STEPS[0])

    assert outer == [STEPS[0], STEPS[2]]
    assert inner == [STEPS[1]]


@pytest.mark.parametrize("shown", [True, False])
def test_a_terminal_shows_a_bar_for_each_kind_of_step(shown: bool, monkeypatch: pytest.MonkeyPatch):
    written = io.StringIO()
    terminal = Console(file=written, force_terminal=True, width=80)
    monkeypatch.setattr(progress, "Console", lambda **_: terminal)

    with progress.steps_shown(shown=shown) as watch:
        for step in STEPS:
            watch(step)

    for part in ("pairs encoded", "128/128", "epochs AUC 0.812", "3/12"):
        assert (part in written.getvalue()) == shown
