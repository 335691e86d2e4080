"""What tests of adapters share that are about no engine in particular: a store of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pairsift.adapters.store.engine import open_engine, prepare


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Make an empty SQLite store."""
    url = f"sqlite:///{tmp_path / 'pairsift.db'}"
    prepare(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()
