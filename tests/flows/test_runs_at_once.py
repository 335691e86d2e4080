from pathlib import Path

import pytest
import yaml

from pairsift.adapters.checking import check
from pairsift.adapters.store.engine import open_engine
from tasks import workplace
from tests.flows.commands import environment, finished, found, frozen, started, wait_for
from tests.flows.running import lineage, run
from tests.tasks.shards import cut

CHUNK_PAIRS = 2
CHUNKS = "SELECT count(*) FROM chunk"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two shards of thirty and ten pairs."""
    folder = tmp_path / "source"
    cut(folder / "a.tar", range(30))
    cut(folder / "b.tar", range(80, 90))
    return folder


def test_a_second_run_leaves_a_partition_at_work_alone_and_the_first_skips_what_the_second_did(
    source: Path, policy: Path, storage: Path, tmp_path: Path
):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"policy": str(policy), "chunk_pairs": CHUNK_PAIRS}))
    command = ["run", str(source), "--config", str(config), "--json"]
    database = storage / "pairsift.db"
    store = open_engine(f"sqlite:///{database}")

    with started(command, environment(storage, own_server=False)) as process:
        wait_for(process, store, CHUNKS)
        with frozen(process, database):
            second = run(source, policy, chunk_pairs=CHUNK_PAIRS)
        first = finished(process)

    store.dispose()
    assert second["partitions"] == {"committed": 1, "skipped": 0, "failed": 1}
    assert second["failed"][0]["partition"] == "a"
    assert f"is being worked on by attempt 1 (process {process.pid} on " in second["failed"][0]["error"]
    assert (process.returncode, first["failed"]) == (0, [])
    assert first["partitions"] == {"committed": 1, "skipped": 1, "failed": 0}
    assert found(workplace.store(), "SELECT count(*) FROM pair") == len(lineage(workplace.store())) == 40
    assert found(workplace.store(), "SELECT count(*) FROM attempt") == 2
    assert check(workplace.store(), storage, repair=False).problems == []
