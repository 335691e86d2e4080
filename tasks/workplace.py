"""Where this process works: its store and its storage folder, from the settings; opened once."""

from functools import cache
from pathlib import Path

from sqlalchemy import Engine

from pairsift.adapters.store.engine import open_engine
from pairsift.settings import Settings


def store() -> Engine:
    """Return the process's engine; nothing is connected until it is used."""
    return _engine(Settings().store_url)


def storage() -> Path:
    """Return the folder of chunk files and scratch."""
    return Settings().storage.absolute()


@cache
def _engine(url: str) -> Engine:
    return open_engine(url)
