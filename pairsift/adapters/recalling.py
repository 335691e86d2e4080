"""Finds pairs that were measured before, and reads their measurements, one chunk file after the other."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Engine

from pairsift.adapters.chunks import read_rows
from pairsift.adapters.confined import place_below
from pairsift.adapters.recalled import write_recalled
from pairsift.adapters.store.origins import Origin, OriginFile, find_origins
from pairsift.core.records import PairContent
from pairsift.errors import ChunkDamagedError

ROUNDS = 3
"""How often known pairs are looked for, each time without the partitions whose chunk files turned out to be lost."""

Ordinals = Mapping[PairContent, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Recalled:
    """How many pairs were found measured, and in how many chunk files."""

    pairs: int
    files: int


def recall(engine: Engine, storage: Path, score_fingerprint: str, ordinals: Ordinals, target: Path) -> Recalled:
    """Write what is known of these pairs to `target`; `ordinals` are their places in the partition, copies included."""
    files = 0

    def counted() -> Iterator[pa.Table]:
        nonlocal files  # they are read while they are written
        for table in known_rows(engine, storage, score_fingerprint, ordinals):
            files += 1
            yield table

    return Recalled(write_recalled(target, counted()), files)


def known_rows(engine: Engine, storage: Path, score_fingerprint: str, ordinals: Ordinals) -> Iterator[pa.Table]:
    """Read the known pairs' rows, with `ordinal` and `measured_by`; what is in a lost file may be in another's, too.

    What no chunk file has is left to be measured: that costs time, and no number is different.
    """
    wanted, without = ordinals, set[int]()
    for _ in range(ROUNDS):
        lost: list[PairContent] = []
        for file, origins in _by_file(find_origins(engine, score_fingerprint, wanted.keys(), without)).items():
            try:
                yield _rows_of(storage, file, origins, ordinals)
            except ChunkDamagedError:
                without.add(file.partition_id)
                lost += [origin.content for origin in origins]
        if not lost:
            return
        wanted = {content: ordinals[content] for content in lost}


def _by_file(origins: Sequence[Origin]) -> dict[OriginFile, list[Origin]]:
    """Group by file, each to be read once, in the order of the ledger's names."""
    files: dict[OriginFile, list[Origin]] = defaultdict(list)
    for origin in sorted(origins, key=lambda origin: (origin.file.partition_id, origin.file.uri, origin.row)):
        files[origin.file].append(origin)
    return files


def _rows_of(storage: Path, file: OriginFile, origins: Sequence[Origin], ordinals: Ordinals) -> pa.Table:
    """Read the rows of one file, one for every place that a pair has; ChunkDamagedError if they are of other pairs."""
    places = [(origin, ordinal) for origin in origins for ordinal in ordinals[origin.content]]
    table = read_rows(place_below(storage, file.uri), file.sha256, [origin.row for origin, _ in places])
    if table["uid"].to_pylist() != [origin.content.uid for origin, _ in places]:
        raise ChunkDamagedError(f"chunk file {file.uri} holds other pairs than the store says")
    known = pa.table(
        {
            "ordinal": pa.array([ordinal for _, ordinal in places], pa.int64()),
            "measured_by": pa.array([origin.measured_by for origin, _ in places], pa.int64()),
        }
    )
    for name in table.column_names:
        known = known.append_column(name, table[name])
    return known
