from pathlib import Path

import pytest

from tasks import workplace


def test_two_databases_on_one_storage_have_scratch_of_their_own(monkeypatch: pytest.MonkeyPatch):
    ours = workplace.scratch()
    monkeypatch.setenv("PAIRSIFT_DATABASE_URL", "postgresql://pairsift@localhost/pairsift")

    assert workplace.scratch() != ours
    assert workplace.scratch().parent == ours.parent


def test_scratch_is_kept_off_a_shared_storage_where_a_local_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PAIRSIFT_SCRATCH", str(tmp_path / "local"))

    assert workplace.scratch().parent == tmp_path / "local"


def test_a_process_opens_its_store_once():
    assert workplace.store() is workplace.store()
