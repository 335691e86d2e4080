"""What a terminal shows while work is done: of a run one line a partition, read from the store; of the rest bars."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.summaries import Progress as PartitionProgress
from pairsift.adapters.store.summaries import progress
from pairsift.console import plain, share
from pairsift.settings import Settings
from tasks.telling import Step, Watch

REFRESH_PER_S = 2.0
SHOWN_PARTITIONS = 12


@contextmanager
def progress_of(dataset: str) -> Iterator[None]:
    """Show on standard error, while the block runs, how far the partitions are that were begun since it started."""
    display = ProgressDisplay(open_engine(Settings().store_url), dataset)
    console = Console(stderr=True)
    with Live(get_renderable=display.draw, console=console, refresh_per_second=REFRESH_PER_S, transient=True):
        yield


@contextmanager
def partitions_counted(what: str, shown: bool) -> Iterator[Callable[[], None]]:
    """Count partitions on standard error while the block runs: the function that it gets counts one."""
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task(f"{what}, partitions:", total=None)
        yield lambda: bar.advance(task)


@contextmanager
def steps_shown(*, shown: bool) -> Iterator[Watch]:
    """Show a bar for each kind of step on standard error while the block runs: the function that it gets is told."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bar:
        begun: dict[str, TaskID] = {}

        def watch(step: Step) -> None:
            if step.what not in begun:
                for before in begun.values():  # there may have been fewer than were asked for
                    bar.update(before, total=bar.tasks[before].completed)
                begun[step.what] = bar.add_task(step.what, total=step.most)
            bar.update(begun[step.what], completed=step.done, description=f"{step.what} {step.facts}".rstrip())

        yield watch


@contextmanager
def told_steps(shown: bool) -> Iterator[Callable[[str], None]]:
    """Tell on standard error what is being done while the block runs: the function that it gets is told each step."""
    with Progress(
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not shown,
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda step: bar.update(task, description=step)


class ProgressDisplay:
    """Draws what the store says; the partitions that had ended before it was made are left out."""

    def __init__(self, engine: Engine, dataset: str) -> None:
        self._engine = engine
        self._dataset = dataset
        self._begun: float | None = None
        self._last_before = 0
        self._last_before = max((row.attempt for row in self._read() if row.status != "running"), default=0)

    def draw(self) -> Table | Text:
        """Draw the latest partitions and, above them, the rate over all."""
        rows = self._read()
        if not rows:
            return Text("starting: Prefect, models, the list of partitions", style="italic")
        drawn = Table(box=None, title=self._rate(sum(row.scored for row in rows)), title_justify="left")
        for column in ("partition", "state", "scored", "kept", "quarantined"):
            drawn.add_column(column, justify="left" if column in ("partition", "state") else "right")
        for row in rows[-SHOWN_PARTITIONS:]:
            drawn.add_row(*(plain(value) for value in describe(row)))
        return drawn

    def _rate(self, scored: int) -> str:
        """Say how many pairs are scored, and how fast since the first partition was seen at work."""
        now = time.monotonic()
        self._begun = self._begun or now
        return f"{scored} pairs scored, {scored / max(now - self._begun, 1 / REFRESH_PER_S):.0f} pairs/s"

    def _read(self) -> list[PartitionProgress]:
        try:
            return progress(self._engine, self._dataset, self._last_before)
        except DBAPIError:
            return []  # the tables are just being made, or the database is busy: the next look shows it


def describe(row: PartitionProgress) -> tuple[object, ...]:
    """Describe one partition: kept and quarantined are known once it is committed."""
    kept = None if row.kept is None or row.read is None else share(row.kept, row.read)
    return (row.partition, row.status, row.scored, kept, row.quarantined)
