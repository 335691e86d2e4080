"""Readers that only go forward, kept open between calls: pairs are read again in the order in which they lie."""

import threading
from collections.abc import Callable, Hashable
from contextlib import ExitStack
from typing import Generic, Protocol, TypeVar

KEPT = 2
"""Cursors kept open a process: one chunk is prepared while another partition's pairs may be exported."""


class Cursor(Protocol):
    """Something that can be read at a place, as long as that does not lie behind."""

    def reads(self, place: int) -> bool:
        """Say whether it has not gone past a place."""

    def read_at(self, place: int, size: int) -> bytes:
        """Read at a place, or as much as there is."""

    def close(self) -> None:
        """Close the file."""


_C = TypeVar("_C", bound=Cursor)


class Cursors(Generic[_C]):
    """The last cursors used, by what they read."""

    def __init__(self) -> None:
        self._cursors: dict[Hashable, _C] = {}
        self._lock = threading.Lock()

    def read(self, key: Hashable, start: Callable[[], _C], place: int, size: int) -> bytes:
        """Read by the cursor of a key; by a new one where there is none, or it has gone past the place."""
        with self._lock:
            cursor = self._cursors.pop(key, None)
            if cursor is not None and not cursor.reads(place):
                cursor.close()
                cursor = None
            if cursor is None:
                cursor = start()
            with ExitStack() as unless_read:
                unless_read.callback(cursor.close)
                data = cursor.read_at(place, size)
                unless_read.pop_all()
            self._keep(key, cursor)
            return data

    def _keep(self, key: Hashable, cursor: _C) -> None:
        self._cursors[key] = cursor
        while len(self._cursors) > KEPT:
            self._cursors.pop(next(iter(self._cursors))).close()
