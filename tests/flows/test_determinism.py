from pathlib import Path

import pytest

from tasks import workplace
from tests.flows.running import files_of, lineage, run


@pytest.fixture
def undisturbed(source: Path, policy: Path, storage: Path) -> dict[str, bytes]:
    """What a first run writes, in chunks of four pairs."""
    run(source, policy, config={"export": {"formats": ["shard"]}})
    return files_of(storage / "exports")


@pytest.mark.parametrize("chunk_pairs", [4, 512])
def test_a_run_into_an_empty_folder_writes_the_same_bytes_whatever_its_chunks(
    *,
    undisturbed: dict[str, bytes],
    source: Path,
    policy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chunk_pairs: int,
):
    rows = lineage(workplace.store())
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(tmp_path / "another"))

    run(source, policy, chunk_pairs=chunk_pairs, config={"export": {"formats": ["shard"]}})

    again = files_of(tmp_path / "another" / "exports")
    rows_again = lineage(workplace.store())
    workplace.store().dispose()
    assert sorted(again) == sorted(undisturbed)
    assert len(again) == 3 * 5 + 2
    assert [name for name, data in again.items() if data != undisturbed[name]] == []
    assert rows_again == rows
