"""PostgreSQL's connections are enough for many workers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine, text

from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.registry import register_dataset

WORKERS = 50
MORE_THAN_THERE_ARE = 130
"""A server allows 100, of which it keeps three for its superuser."""


@pytest.fixture
def workers(postgresql_copy: str) -> Iterator[list[Engine]]:
    """Open a database as fifty processes would."""
    opened = [open_engine(postgresql_copy) for _ in range(WORKERS)]
    yield opened
    for engine in opened:
        engine.dispose()


def open_connections(engine: Engine) -> int:
    here = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    with engine.connect() as connection:
        return int(connection.scalar(text(here)) or 0)


def test_a_worker_that_has_worked_in_several_threads_keeps_one_connection(workers: list[Engine]):
    for engine in workers:
        with ExitStack() as threads:
            for _ in range(3):
                threads.enter_context(engine.connect())

    assert open_connections(workers[0]) == WORKERS


def test_more_at_once_than_the_server_has_connections_wait_and_lose_nothing(workers: list[Engine]):
    def work(number: int) -> int:
        engine = workers[number % WORKERS]
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(0.3)"))
        return register_dataset(engine, f"data set {number % 10}")

    with ThreadPoolExecutor(MORE_THAN_THERE_ARE) as threads:
        ids = list(threads.map(work, range(MORE_THAN_THERE_ARE)))

    assert len(ids) == MORE_THAN_THERE_ARE
    assert len(set(ids)) == 10
