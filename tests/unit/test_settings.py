"""Where the database's address comes from, and that it is shown to nobody."""

from pathlib import Path

import pytest

from pairsift.errors import StoreError
from pairsift.settings import Settings

URL = "postgresql://pairsift:marked-secret@host/pairsift"


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # and so there is no .env
    for name in ("DATABASE_URL", "DATABASE_URL_FILE", "STORAGE"):
        monkeypatch.delenv(f"PAIRSIFT_{name}", raising=False)


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{URL}\n")
    monkeypatch.setenv("PAIRSIFT_DATABASE_URL_FILE", str(path))
    return path


@pytest.mark.usefixtures("secret")
def test_the_address_is_read_from_a_file():
    assert Settings().store_url == URL


@pytest.mark.usefixtures("secret")
def test_an_address_that_is_given_comes_before_the_file(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PAIRSIFT_DATABASE_URL", "sqlite:////elsewhere.db")

    assert Settings().store_url == "sqlite:////elsewhere.db"


def test_without_either_it_is_a_file_in_the_storage(tmp_path: Path):
    assert Settings().store_url == f"sqlite:///{tmp_path}/pairsift-data/pairsift.db"


def test_a_file_that_cannot_be_read_is_named(secret: Path):
    secret.unlink()

    with pytest.raises(StoreError, match=r"PAIRSIFT_DATABASE_URL_FILE cannot be read: FileNotFoundError of .*secret"):
        _ = Settings().store_url


def test_nothing_shows_the_secret(secret: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PAIRSIFT_DATABASE_URL", URL)
    settings = Settings()

    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"

    assert "marked-secret" not in shown
    assert str(secret) in shown
