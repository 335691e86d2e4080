"""A process killed anywhere in the protocol leaves the old rows or the new ones, never a part of either."""

import signal
from collections.abc import Iterator
from itertools import count

import pytest
from sqlalchemy import Engine, select

from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.queries import conservation, status
from pairsift.adapters.store.views import pair_lineage
from tests.adapters.store.crashing import live_in_a_process_killed_at
from tests.adapters.store.lives import live

FEWEST_POINTS = 60
"""A life has more points than this; fewer would mean that the test no longer sees them."""


@pytest.fixture
def real_engine(url: str) -> Iterator[Engine]:
    """Open the database by its own clock."""
    engine = open_engine(url)
    yield engine
    engine.dispose()


def lineage_of(engine: Engine, dataset_name: str) -> list[tuple[object, ...]]:
    shown = [
        column
        for column in pair_lineage.c
        if column.name not in {"dataset", "attempt", "measured_dataset", "measured_attempt"}
    ]
    query = select(*shown).where(pair_lineage.c.dataset == dataset_name).order_by(pair_lineage.c.key)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def kill_everywhere(url: str) -> Iterator[str]:
    """Kill one life of a data set of its own at each point in turn; give the name of each."""
    for point in count(1):
        name = f"killed at {point}"
        exit_code = live_in_a_process_killed_at(point, url, name)
        yield name
        if exit_code == 0:
            return
        assert exit_code == -signal.SIGKILL


def test_a_kill_at_any_point_leaves_old_or_new_and_a_rerun_ends_as_if_undisturbed(url: str, real_engine: Engine):
    live(real_engine, "undisturbed", dropped=0)
    old = lineage_of(real_engine, "undisturbed")
    live(real_engine, "undisturbed", dropped=2)
    new = lineage_of(real_engine, "undisturbed")

    for name in kill_everywhere(url):
        assert lineage_of(real_engine, name) in (old, new), name
        live(real_engine, name, dropped=2)
        assert lineage_of(real_engine, name) == new, name

    assert len(old) == len(new) == 6
    assert old != new
    accounts = conservation(real_engine)
    assert len(accounts) > FEWEST_POINTS
    assert all(account.holds for account in accounts)
    assert {row["status"] for row in status(real_engine)} == {"committed"}
