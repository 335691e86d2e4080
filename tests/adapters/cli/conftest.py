"""Commands run in this process, over a shard that was curated without Prefect."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pairsift.cli import main
from tasks import workplace
from tasks.plan import finish_run
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import BLURRED, FILENAME_CAPTION, GOOD, TRUNCATED, cut
from tests.tasks.steps import claimed, committed, plan_of

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the process a storage folder of its own."""
    folder = tmp_path / "storage"
    monkeypatch.delenv("PAIRSIFT_DATABASE_URL", raising=False)
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(folder))
    yield folder
    workplace.store().dispose()


@pytest.fixture
def curated(tmp_path: Path, storage: Path) -> Path:
    """Curate nine pairs of the sample, among them a blurred and a truncated one; return the storage."""
    shard = cut(tmp_path / "source" / "a.tar", (*GOOD, BLURRED, TRUNCATED, FILENAME_CAPTION))
    plan = plan_of(shard.parent, policy=str(fixed_cut(tmp_path)))
    finish_run.fn(plan, [committed(job, claimed(job)) for job in plan.jobs])
    return storage


@pytest.fixture
def pairsift(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command; return its exit code, standard output and standard error."""

    def command(*arguments: Any) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pairsift", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return command
