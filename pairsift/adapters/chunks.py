"""The chunk file: everything measured of a chunk's pairs, durable and checked when it is read."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pairsift.adapters.confined import place_below
from pairsift.adapters.durable import file_facts, write_durably
from pairsift.core.records import Reason, SignalValue
from pairsift.core.signals import SIGNALS
from pairsift.errors import ChunkDamagedError

EMBEDDINGS = ("image_embedding", "text_embedding", "fused_embedding")
SIGNAL_TYPES = {"float": pa.float64(), "int": pa.int64(), "str": pa.string()}


def _no_embeddings() -> NDArray[np.float16]:
    return np.empty((0, 0), np.float16)


@dataclass(frozen=True, slots=True, eq=False)
class ChunkData:
    """What was measured of a chunk's n pairs, in the pair list's order.

    `signals` holds n values for every name in `core.signals.SIGNALS`. The embeddings are (n, d) float16 with a row of
    NaN where a pair has none. What was not read is empty, embeddings (0, 0).
    """

    uids: Sequence[str]
    captions: Sequence[str | None]
    signals: Mapping[str, Sequence[SignalValue]]
    unmeasurable: Sequence[Mapping[str, Reason]]
    image_embedding: NDArray[np.float16] = field(default_factory=_no_embeddings)
    text_embedding: NDArray[np.float16] = field(default_factory=_no_embeddings)
    fused_embedding: NDArray[np.float16] = field(default_factory=_no_embeddings)


@dataclass(frozen=True, slots=True)
class ChunkFile:
    """A written chunk: its path below the storage folder, sha256, size in bytes and number of pairs."""

    uri: str
    sha256: str
    size: int
    rows: int


def chunk_uri(fingerprint: str) -> str:
    """Name a chunk's file below the storage folder."""
    return f"chunks/{fingerprint[:2]}/{fingerprint}.parquet"


def write_chunk(storage: Path, fingerprint: str, data: ChunkData) -> ChunkFile:
    """Write a chunk durably under its fingerprint; a whole file that is there already stays as it is.

    Two partitions with the same pairs share one file, and the ledger of the first holds its sha256.
    """
    there = find_chunk(storage, fingerprint)
    if there is not None:
        return there
    uri = chunk_uri(fingerprint)
    table = _to_table(data)
    facts = write_durably(storage / uri, lambda temporary: write_table(temporary, table))
    return ChunkFile(uri, facts.sha256, facts.size, len(data.uids))


def find_chunk(storage: Path, fingerprint: str) -> ChunkFile | None:
    """Find a whole chunk file, whoever wrote it: a pilot, or an attempt that came no further; None if there is none.

    From now on it counts as new, so that `pairsift prune` leaves it to whoever is about to enter it in the ledger.
    """
    uri = chunk_uri(fingerprint)
    try:
        rows = len(read_chunk(storage / uri).uids)
        os.utime(storage / uri)
    except (ChunkDamagedError, FileNotFoundError):
        return None
    facts = file_facts(storage / uri)
    return ChunkFile(uri, facts.sha256, facts.size, rows)


def chunk_is_there(storage: Path, uri: str, sha256: str) -> bool:
    """Say whether a ledgered chunk's file is in the storage folder, byte for byte: a damaged one is scored again."""
    path = place_below(storage, uri)
    return path.is_file() and file_facts(path).sha256 == sha256


def chunks_are_there(storage: Path, fingerprints: Sequence[str]) -> bool:
    """Look whether all these chunks have their files; their bytes are not read."""
    return all(place_below(storage, chunk_uri(fingerprint)).is_file() for fingerprint in fingerprints)


def read_chunk(path: Path, *, signals: bool = True, embeddings: bool = True) -> ChunkData:
    """Read a chunk, its signals and embeddings only if they are wanted; every page's checksum is verified.

    ChunkDamagedError where the file is gone, cut or changed.
    """
    measured = (*(signal.column for signal in SIGNALS), "unmeasurable")
    columns = ["uid", "caption", *(measured * signals), *(EMBEDDINGS * embeddings)]
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise ChunkDamagedError(f"chunk file {path} is gone or damaged: remove it and run again ({error})") from error
    return from_table(table)


def read_rows(path: Path, sha256: str, rows: Sequence[int]) -> pa.Table:
    """Read some rows of a chunk file whose bytes are those the ledger knows, with all their columns.

    ChunkDamagedError where the file is gone or is not that one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ChunkDamagedError(f"chunk file {path} is gone or cannot be read ({error})") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ChunkDamagedError(f"chunk file {path} is not the one that the ledger knows")
    return _with_every_signal(pq.read_table(pa.BufferReader(data)).take(rows).replace_schema_metadata(None))


def _with_every_signal(table: pa.Table) -> pa.Table:
    """Bring the columns of a file of any version into the present ones' order, so that tables go together."""
    for signal in SIGNALS:
        if signal.column not in table.column_names:
            table = table.append_column(signal.column, pa.nulls(len(table), SIGNAL_TYPES[signal.type]))
    return table.select(["uid", "caption", *(signal.column for signal in SIGNALS), "unmeasurable", *EMBEDDINGS])


def write_table(path: Path, table: pa.Table) -> None:
    """Write one Parquet row group: zstd, page checksums, no time or host."""
    with parquet_writer(path, table.schema) as writer:
        writer.write_table(table, row_group_size=max(len(table), 1))


def parquet_writer(path: Path, schema: pa.Schema, page_rows: int = 1024) -> pq.ParquetWriter:
    """Open a Parquet file for writing: zstd, page checksums; dictionaries for words only.

    A page ends at the first multiple of `page_rows` at which it has 1 MB; pyarrow's own is 1,024.
    """
    words = [column.name for column in schema if pa.types.is_string(column.type)]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        write_page_checksum=True,
        use_dictionary=words,
        write_batch_size=page_rows,
    )


def from_table(table: pa.Table) -> ChunkData:
    """Read what is measured from a table of a chunk file's columns; others may be there.

    A file of an older version lacks the signals that came since, which no pair of it has.
    """
    measured = SIGNALS if "unmeasurable" in table.column_names else ()
    return ChunkData(
        uids=table["uid"].to_pylist(),
        captions=table["caption"].to_pylist(),
        signals={s.name: _values(table, s.column) for s in measured},
        unmeasurable=[{name: Reason(reason) for name, reason in row} for row in _outcomes(table)],
        **{name: vectors_of(table[name]) for name in EMBEDDINGS if name in table.column_names},
    )


def _values(table: pa.Table, column: str) -> list[SignalValue]:
    values: list[SignalValue] = table[column].to_pylist() if column in table.column_names else [None] * len(table)
    return values


def _outcomes(table: pa.Table) -> list[list[tuple[str, str]]]:
    outcomes: list[list[tuple[str, str]]] = (
        table["unmeasurable"].to_pylist() if "unmeasurable" in table.column_names else []
    )
    return outcomes


def embedding_column(vectors: NDArray[np.float16]) -> pa.FixedSizeListArray:
    """Turn (n, d) float16 into fixed-size lists; rows of NaN stay rows of NaN."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(vectors).reshape(-1)), vectors.shape[1])


def vectors_of(column: pa.ChunkedArray) -> NDArray[np.float16]:
    """Turn fixed-size lists into a (n, d) float16 array."""
    lists = column.combine_chunks()
    vectors: NDArray[np.float16] = lists.flatten().to_numpy(zero_copy_only=False)
    return vectors.reshape(len(lists), column.type.list_size)


def _to_table(data: ChunkData) -> pa.Table:
    outcomes = [sorted((name, str(reason)) for name, reason in row.items()) for row in data.unmeasurable]
    columns = {
        "uid": pa.array(data.uids, pa.string()),
        "caption": pa.array(data.captions, pa.string()),
        **{s.column: pa.array(data.signals[s.name], SIGNAL_TYPES[s.type]) for s in SIGNALS},
        "unmeasurable": pa.array(outcomes, pa.map_(pa.string(), pa.string())),
        **{name: embedding_column(getattr(data, name)) for name in EMBEDDINGS},
    }
    return pa.table(columns)
