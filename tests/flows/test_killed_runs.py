"""Commands killed by `kill -9`: the same command goes on, and ends as if nothing had happened."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.flows.commands import environment, kill, started
from tests.flows.nursery import Nursery
from tests.flows.places import Place, Results, command_over, place
from tests.production.postgresql import PostgreSQL
from tests.production.processes import wait_until

DEADLINE_S = 180
CHUNKS = "SELECT count(*) FROM chunk"
COMMITTED = "SELECT count(*) FROM partition WHERE committed_attempt_id IS NOT NULL"
SHARDS = {"a": range(12), "b": range(80, 90), "c": range(150, 156)}
"""28 pairs, each a chunk of its own."""
KILLED_WITHIN = 0.6
"""Of the time that a whole run takes: longer ones would mostly end by themselves."""


@dataclass(frozen=True)
class Undisturbed:
    """What one process makes that is left alone, and how long it takes."""

    results: Results
    seconds: float


@dataclass
class Kills:
    """Starts the command again and again and kills it after a random time, `wanted` times in all.

    `whole_s` is how long a whole run takes; `landed` tells of every kill how many chunks and partitions were done.
    """

    nursery: Nursery
    command: tuple[str, ...]
    wanted: int
    whole_s: float
    seed: int = field(default_factory=time.time_ns)
    landed: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def over(self, new_place: Callable[[], Place]) -> Iterator[Place]:
        """Kill over empty places, one after the other; give each when a command has ended there by itself."""
        while len(self.landed) < self.wanted:
            there = new_place()
            while len(self.landed) < self.wanted and self._killed(there):
                self.landed.append((there.count(CHUNKS), there.count(COMMITTED)))
            assert self.nursery.run(self.command, there).exit_code == 0, self
            yield there

    def _killed(self, there: Place) -> bool:
        fresh, began = not there.count(CHUNKS), time.monotonic()
        pid = self.nursery.start(self.command, there)
        self.nursery.wait(pid, self._random.uniform(0, KILLED_WITHIN * self.whole_s))
        ended = self.nursery.kill(pid)
        if fresh and not ended.killed:  # the machine is faster now than it was
            self.whole_s = time.monotonic() - began
        return ended.killed


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    return command_over(tmp_path_factory.mktemp("source"), SHARDS, chunk_pairs=1)


@pytest.fixture(scope="module")
def undisturbed_run(
    command: tuple[str, ...], nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    there = place(tmp_path_factory.mktemp("undisturbed"))
    started_at = time.monotonic()
    nursery.run(command, there)
    return Undisturbed(there.results(), time.monotonic() - started_at)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Place]:
    """Make places with databases of their own, on either engine."""
    numbers = count(1)
    if request.param == "sqlite":
        return lambda: place(tmp_path / str(next(numbers)))
    postgresql: PostgreSQL = request.getfixturevalue("postgresql")

    def on_postgresql() -> Place:
        name = f"killed_{next(numbers)}"
        postgresql.create_database(name)
        return Place(tmp_path / name / "storage", postgresql.url(name))

    return on_postgresql


def chunks_by_attempt(there: Place) -> set[tuple[str, int]]:
    with there.store() as store, store.connect() as connection:
        return set(connection.execute(text("SELECT fingerprint, attempt_id FROM chunk")).tuples())


def test_a_command_killed_half_way_is_gone_on_with_by_the_next(
    nursery: Nursery, command: tuple[str, ...], undisturbed_run: Undisturbed, tmp_path: Path
):
    there = place(tmp_path)
    with started(command, environment(there.storage, own_server=False)) as process:
        wait_until("a chunk is in the ledger", lambda: there.count(CHUNKS), DEADLINE_S)
        kill(process)
    survived = chunks_by_attempt(there)

    again = nursery.run(command, there)

    assert 0 < len(survived) < 28
    assert again.exit_code == 0
    assert survived <= chunks_by_attempt(there)
    assert there.results() == undisturbed_run.results
    assert there.flaws() == []


@pytest.mark.parametrize("new_place", ["sqlite"], indirect=True)
def test_five_random_kills_lose_and_double_nothing(
    nursery: Nursery, command: tuple[str, ...], undisturbed_run: Undisturbed, new_place: Callable[[], Place]
):
    kills = Kills(nursery, command, 5, undisturbed_run.seconds)

    for there in kills.over(new_place):
        assert there.results() == undisturbed_run.results, kills
        assert there.flaws() == [], kills


@pytest.mark.production
def test_random_kills_lose_and_double_nothing(
    nursery: Nursery, command: tuple[str, ...], undisturbed_run: Undisturbed, new_place: Callable[[], Place]
):
    kills = Kills(nursery, command, 25, undisturbed_run.seconds)

    for there in kills.over(new_place):
        assert there.results() == undisturbed_run.results, kills
        assert there.flaws() == [], kills

    assert len({chunks for chunks, _ in kills.landed}) >= 5, kills
    assert len({partitions for _, partitions in kills.landed}) >= 2, kills
