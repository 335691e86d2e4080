"""What was measured of a partition's pairs before: rows of other chunk files, put together in local scratch."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pairsift.adapters.chunks import EMBEDDINGS, ChunkData, from_table
from pairsift.adapters.durable import write_durably
from pairsift.core.signals import SIGNALS

Value = TypeVar("Value")


def _nothing() -> ChunkData:
    return ChunkData([], [], {signal.name: [] for signal in SIGNALS}, [])


@dataclass(frozen=True, slots=True, eq=False)
class RecalledRows:
    """What is known of a chunk: the k places in it, rising from 0, who measured each, and k rows of measurements."""

    places: Sequence[int] = ()
    measured_by: Sequence[int] = ()
    data: ChunkData = field(default_factory=_nothing)

    @property
    def by_attempt(self) -> dict[int, tuple[int, ...]]:
        """The places by the attempt that measured them."""
        places: dict[int, list[int]] = defaultdict(list)
        for place, attempt_id in zip(self.places, self.measured_by, strict=True):
            places[attempt_id].append(place)
        return {attempt_id: tuple(there) for attempt_id, there in places.items()}


def write_recalled(path: Path, tables: Iterable[pa.Table]) -> int:
    """Write tables of a chunk file's columns, `ordinal` and `measured_by` as they come; return the number of rows.

    One table is in memory at a time. Without any row there is no file.
    """
    remaining = iter(tables)
    first = next(remaining, None)
    if first is None:
        return 0
    rows = 0

    def write(temporary: Path) -> None:
        nonlocal rows  # the file is written by the callback of `write_durably`
        with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, first.schema) as writer:
            for table in chain([first], remaining):
                writer.write_table(table)
                rows += len(table)

    write_durably(path, write)
    return rows


def recalled_ordinals(path: str | None, start: int, stop: int) -> set[int]:
    """Name the pairs from `start` up to, not including, `stop` that are known; none where there is no file."""
    return set(_slice(path, start, stop)["ordinal"].to_pylist()) if path else set()


def read_recalled(path: str | None, start: int, stop: int) -> RecalledRows:
    """Read what is known of the pairs from `start` up to, not including, `stop`; nothing where there is no file."""
    if path is None:
        return RecalledRows()
    known = _slice(path, start, stop).sort_by("ordinal")
    places = [ordinal - start for ordinal in known["ordinal"].to_pylist()]
    return RecalledRows(places, known["measured_by"].to_pylist(), from_table(known))


def weave(known: RecalledRows, measured: ChunkData) -> ChunkData:
    """Put known and measured pairs of a chunk, the latter in their order, into the chunk's order."""
    order = _order(known.places, len(measured.uids))
    old = known.data
    vectors = {name: np.concatenate([getattr(old, name), getattr(measured, name)])[order] for name in EMBEDDINGS}
    return ChunkData(
        uids=_pick(order, old.uids, measured.uids),
        captions=_pick(order, old.captions, measured.captions),
        signals={s.name: _pick(order, old.signals[s.name], measured.signals[s.name]) for s in SIGNALS},
        unmeasurable=_pick(order, old.unmeasurable, measured.unmeasurable),
        **vectors,
    )


def _order(places: Sequence[int], measured: int) -> NDArray[np.int64]:
    """Say for every place of the chunk which row it is, of the known ones followed by the measured ones."""
    known = len(places)
    order = np.empty(known + measured, np.int64)
    is_known = np.zeros(known + measured, bool)
    is_known[list(places)] = True
    order[is_known] = np.arange(known)
    order[~is_known] = np.arange(known, known + measured)
    return order


def _pick(order: NDArray[np.int64], known: Sequence[Value], measured: Sequence[Value]) -> list[Value]:
    rows = [*known, *measured]
    return [rows[row] for row in order]


def _slice(path: str, start: int, stop: int) -> pa.Table:
    """Take the rows out of the file's mapped memory; they lie in the order of the files that they came from."""
    with pa.memory_map(path) as source, pa.ipc.open_file(source) as reader:
        table = reader.read_all()
        ordinals = table["ordinal"]
        return table.filter(pc.and_(pc.greater_equal(ordinals, start), pc.less(ordinals, stop)))
