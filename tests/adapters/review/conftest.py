"""The review's tests: a store filled once, and copied for each."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from pairsift.adapters.store.engine import open_engine, upgrade
from tests.adapters.review.stored import review, store_pairs


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a database once; return its file."""
    folder = tmp_path_factory.mktemp("reviewed")
    upgrade(f"sqlite:///{folder}/pairsift.db")
    store_pairs(f"sqlite:///{folder}/pairsift.db", folder)
    return folder / "pairsift.db"


@pytest.fixture
def engine(filled: Path, tmp_path: Path) -> Iterator[Engine]:
    """Open a copy of the filled database."""
    shutil.copy(filled, tmp_path / "pairsift.db")
    opened = open_engine(f"sqlite:///{tmp_path}/pairsift.db")
    yield opened
    opened.dispose()


@pytest.fixture
def client(engine: Engine) -> TestClient:
    """Open a review that may write."""
    return review(engine)
