"""PostgreSQL goes away in the middle of a run, and comes back soon, or too late."""

from itertools import count
from pathlib import Path

import pytest

from tests.flows.faults import ShortRetries
from tests.flows.nursery import Nursery
from tests.flows.places import Place, Results, command_over
from tests.production.postgresql import PostgreSQL

CHUNKS = "SELECT count(*) FROM chunk"
_numbers = count()


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Ten chunks and two."""
    return command_over(tmp_path_factory.mktemp("source"), {"a": range(20), "b": range(80, 84)})


@pytest.fixture
def there(postgresql: PostgreSQL, tmp_path: Path) -> Place:
    """A database whose URL has a password, which the server does not ask for."""
    name = f"restarted_{next(_numbers)}"
    postgresql.create_database(name)
    return Place(tmp_path / "storage", postgresql.url(name).replace("postgres:", "postgres:geheim", 1))


def test_a_run_goes_on_when_the_database_is_back_within_seconds(
    nursery: Nursery, command: tuple[str, ...], undisturbed: Results, there: Place, postgresql: PostgreSQL
):
    pid = nursery.start(command, there)
    nursery.wait_until(pid, lambda: there.count(CHUNKS) > 1)

    postgresql.stop()
    postgresql.start()
    ended = nursery.end_of(pid)

    assert ended.exit_code == 0, ended
    assert there.results() == undisturbed
    assert there.flaws() == []
    assert there.count("SELECT count(*) FROM attempt") == 2


@pytest.mark.production
def test_a_run_fails_in_one_line_when_the_database_stays_away_and_the_next_one_completes(
    nursery: Nursery, command: tuple[str, ...], undisturbed: Results, there: Place, postgresql: PostgreSQL
):
    pid = nursery.start(command, there, ShortRetries(0.1))
    nursery.wait_until(pid, lambda: there.count(CHUNKS) > 1)

    postgresql.stop()
    failed = nursery.end_of(pid)
    postgresql.start()
    again = nursery.run(command, there)

    assert failed.exit_code == 1
    assert failed.out == ""
    assert failed.err.startswith("pairsift: ")
    assert len(failed.err.splitlines()) == 1
    assert "geheim" not in failed.err
    assert again.exit_code == 0
    assert there.results() == undisturbed
    assert there.flaws() == []
