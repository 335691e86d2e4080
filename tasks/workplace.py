"""Where this process works: its store and its storage folder, from the settings; opened once."""

from functools import cache
from pathlib import Path

import cv2
from sqlalchemy import Engine

from pairsift.adapters.scratch import database_scratch
from pairsift.adapters.store.engine import open_engine
from pairsift.models.device import CORES, limit_threads
from pairsift.settings import Settings

LANES = CORES
"""Chunks scored at once on a CPU: one a core, each on one thread, which costs least and gives the same bytes on any
number of cores."""


def store() -> Engine:
    """Return the process's engine; nothing is connected until it is used."""
    return _engine(Settings().store_url)


def storage() -> Path:
    """Return the folder of chunk files and scratch."""
    return Settings().storage.absolute()


def scratch() -> Path:
    """Return this database's folder of scratch."""
    folder = (Settings().scratch or storage() / "scratch").absolute()
    return database_scratch(folder, store().url.render_as_string(hide_password=True))


@cache
def set_up_process() -> None:
    """Leave the cores to the lanes; once in a process, before its lanes start."""
    # OpenCV's and torch's own threads would wait for each other behind the lanes: one set of them for every lane.
    cv2.setNumThreads(1)
    limit_threads(1)


@cache
def _engine(url: str) -> Engine:
    return open_engine(url)
