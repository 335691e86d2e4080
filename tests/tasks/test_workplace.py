import pytest

from tasks import workplace


def test_two_databases_on_one_storage_have_scratch_of_their_own(monkeypatch: pytest.MonkeyPatch):
    ours = workplace.scratch()
    monkeypatch.setenv("PAIRSIFT_DATABASE_URL", "postgresql://pairsift@localhost/pairsift")

    assert workplace.scratch() != ours
    assert workplace.scratch().parent == ours.parent


def test_a_process_opens_its_store_once():
    assert workplace.store() is workplace.store()
