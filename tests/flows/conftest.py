"""Flows run against a Prefect server, started once; every test has its own storage, database and sources."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from pairsift.models.encoder import load_encoder
from tests.flows.nursery import Nursery, open_nursery
from tests.flows.places import Results, place
from tests.flows.running import EncoderCalls
from tests.production.postgresql import PostgreSQL
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import BLURRED, FILENAME_CAPTION, GOOD, TRUNCATED, cut


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> Iterator[None]:
    """Start Prefect's server once; without heartbeats a flow does not wait a second for their thread."""
    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@pytest.fixture(scope="session")
def nursery(prefect_server: None) -> Iterator[Nursery]:  # noqa: ARG001 - commands report to it
    """Start the process that commands are forked from, once."""
    with open_nursery() as nursery:
        yield nursery


@pytest.fixture(scope="module")
def undisturbed(command: tuple[str, ...], nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What a module's `command` makes when it is left alone."""
    there = place(tmp_path_factory.mktemp("undisturbed"))
    nursery.run(command, there)
    return there.results()


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """Start a real PostgreSQL."""
    server = PostgreSQL(tmp_path_factory.mktemp("postgresql"))
    yield server
    server.close()


@pytest.fixture(autouse=True)
def own_storage(storage: Path) -> Path:
    """Let no test of this folder touch the storage of the checkout."""
    return storage


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three shards of the sample: a has 9 pairs, two of them bad, b has 6 and c has 5."""
    folder = tmp_path / "source"
    cut(folder / "a.tar", (*GOOD, BLURRED, TRUNCATED, FILENAME_CAPTION))
    cut(folder / "b.tar", range(80, 86))
    cut(folder / "c.tar", range(150, 155))
    return folder


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return fixed_cut(tmp_path)


@pytest.fixture
def encoder_calls(monkeypatch: pytest.MonkeyPatch) -> EncoderCalls:
    """Count what the encoder is asked, and let it answer."""
    calls = EncoderCalls(load_encoder)
    monkeypatch.setattr("tasks.score.load_encoder", calls)
    return calls
