import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, text

from pairsift.adapters.checking import check
from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.queries import status
from tasks import workplace
from tests.flows.commands import environment, finished, found, kill, started, wait_for
from tests.flows.running import files_of, lineage, run
from tests.tasks.shards import cut

CHUNK_PAIRS = 2
CHUNKS = "SELECT count(*) FROM chunk"
COMMITTED = "SELECT count(*) FROM partition WHERE status = 'committed'"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two shards of forty and twenty pairs: 20 and 10 chunks."""
    folder = tmp_path / "source"
    cut(folder / "a.tar", range(40))
    cut(folder / "b.tar", range(80, 100))
    return folder


@pytest.fixture
def command(source: Path, policy: Path, tmp_path: Path) -> list[str]:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"policy": str(policy), "chunk_pairs": CHUNK_PAIRS}))
    return ["run", str(source), "--config", str(config), "--json"]


@pytest.fixture
def killed_storage(tmp_path: Path) -> Path:
    return tmp_path / "killed" / "storage"


@pytest.fixture
def killed_store(killed_storage: Path) -> Iterator[Engine]:
    store = open_engine(f"sqlite:///{killed_storage}/pairsift.db")
    yield store
    store.dispose()


def chunks_by_attempt(store: Engine) -> set[tuple[str, int]]:
    with store.connect() as connection:
        return set(connection.execute(text("SELECT fingerprint, attempt_id FROM chunk")).tuples())


def test_a_run_killed_twice_half_way_ends_in_the_rows_and_bytes_of_an_undisturbed_one(
    *, source: Path, policy: Path, command: list[str], storage: Path, killed_storage: Path, killed_store: Engine
):
    run(source, policy, chunk_pairs=CHUNK_PAIRS)

    with started(command, environment(killed_storage, own_server=True)) as process:
        wait_for(process, killed_store, CHUNKS)
        kill(process)
    assert 0 < found(killed_store, CHUNKS) < 20
    assert found(killed_store, COMMITTED) == 0
    survived = chunks_by_attempt(killed_store)

    with started(command, environment(killed_storage, own_server=False)) as process:
        wait_for(process, killed_store, COMMITTED)
        kill(process)
    assert found(killed_store, COMMITTED) == 1

    with started(command, environment(killed_storage, own_server=False)) as process:
        summary = finished(process)
    assert process.returncode == 0
    assert summary["partitions"] == {"committed": 1, "skipped": 1, "failed": 0}
    assert survived <= chunks_by_attempt(killed_store)
    assert lineage(killed_store) == lineage(workplace.store())
    assert files_of(killed_storage / "exports") == files_of(storage / "exports")
    assert check(killed_store, killed_storage, repair=False).problems == []
    assert found(killed_store, "SELECT count(*) FROM pair") == 60
    assert files_of(killed_storage / "scratch") == {}


def test_an_interrupted_run_frees_its_partition_and_the_same_command_goes_on(
    command: list[str], killed_storage: Path, killed_store: Engine
):
    with started(command, environment(killed_storage, own_server=False)) as process:
        wait_for(process, killed_store, CHUNKS)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=180)
    states = {row["partition"]: row["status"] for row in status(killed_store)}
    survived = chunks_by_attempt(killed_store)

    with started(command, environment(killed_storage, own_server=False)) as process_again:
        summary = finished(process_again)

    assert process.returncode not in (0, 2)
    assert (out, "Traceback" in err) == ("", False)
    assert states == {"a": "interrupted", "b": "pending"}
    assert 0 < len(survived) < 20
    assert summary["partitions"] == {"committed": 2, "skipped": 0, "failed": 0}
    assert survived <= chunks_by_attempt(killed_store)
    assert check(killed_store, killed_storage, repair=False).problems == []
