"""The pair list: one Arrow row a pair, written by ingest and read chunk by chunk."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from pairsift.adapters.durable import write_durably
from pairsift.core.records import IngestedPair, Location, PairContent

BATCH_PAIRS = 256
"""Pairs in memory while the list is written; a slice is read in whole batches."""

SCHEMA = pa.schema(
    [
        ("ordinal", pa.int64()),
        ("uid", pa.string()),
        ("key", pa.string()),
        ("image_uri", pa.string()),
        ("image_offset", pa.int64()),
        ("image_size", pa.int64()),
        ("image_sha256", pa.string()),
        ("raw_caption", pa.large_binary()),
        ("source_uid", pa.string()),
        ("source_columns", pa.string()),  # a JSON object; null for none
    ]
)


@dataclass(frozen=True, slots=True)
class PairList:
    """A written pair list: its path, the number of pairs and the digest of what is exported of their origin."""

    path: Path
    count: int
    digest: str


def write_pairs(path: Path, pairs: Iterable[IngestedPair]) -> PairList:
    """Write the pairs as they come, in batches; the file is whole under its name or not there."""
    digest = hashlib.sha256()
    count = 0

    def write(temporary: Path) -> None:
        nonlocal count  # the file is written by the callback of `write_durably`
        with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
            for batch in _batched(pairs):
                writer.write_batch(_to_arrow(batch))
                count += len(batch)
                for pair in batch:
                    digest.update(_identity(pair))

    write_durably(path, write)
    return PairList(path, count, digest.hexdigest())


def pairs_digest(pairs: Iterable[IngestedPair]) -> str:
    """Hash the pairs as `write_pairs` does: sha256 over uid, key, image, source's uid and columns of each, in order."""
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(_identity(pair))
    return digest.hexdigest()


def _identity(pair: IngestedPair) -> bytes:
    # Without columns nothing is added, so that exports of pairs without them keep their names.
    columns = [pair.source_columns] if pair.source_columns else []
    return json.dumps([pair.uid, pair.key, pair.image_sha256, pair.source_uid, *columns], sort_keys=True).encode()


def read_pairs(path: Path, start: int, stop: int) -> list[IngestedPair]:
    """Read pairs `start` up to, not including, `stop`; only the batches that hold them are read."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        first = start // BATCH_PAIRS
        last = min(-(-stop // BATCH_PAIRS), reader.num_record_batches)
        batches = [reader.get_batch(number) for number in range(first, last)]
        pairs = pa.Table.from_batches(batches, SCHEMA).slice(start - first * BATCH_PAIRS, stop - start)
        return [pair for batch in pairs.to_batches() for pair in _from_arrow(batch)]


def read_identities(path: Path) -> list[tuple[str, str | None]]:
    """Read only (uid, image sha256) of every pair, in order: what a chunk's fingerprint is made of."""
    return [(content.uid, content.image_sha256) for content in read_contents(path)]


def read_contents(path: Path) -> list[PairContent]:
    """Read only what a pair's measurements depend on, of every pair, in order."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        pairs = pa.Table.from_batches(batches, SCHEMA)
        columns = (pairs["uid"], pairs["image_sha256"], pairs["raw_caption"].is_valid())
        return [PairContent(*row) for row in zip(*(column.to_pylist() for column in columns), strict=True)]


def _batched(pairs: Iterable[IngestedPair]) -> Iterator[list[IngestedPair]]:
    remaining = iter(pairs)
    while batch := list(islice(remaining, BATCH_PAIRS)):
        yield batch


def _to_arrow(pairs: Sequence[IngestedPair]) -> pa.RecordBatch:
    columns = [
        [pair.ordinal for pair in pairs],
        [pair.uid for pair in pairs],
        [pair.key for pair in pairs],
        [pair.image.uri if pair.image else None for pair in pairs],
        [pair.image.offset if pair.image else None for pair in pairs],
        [pair.image.size if pair.image else None for pair in pairs],
        [pair.image_sha256 for pair in pairs],
        [pair.raw_caption for pair in pairs],
        [pair.source_uid for pair in pairs],
        [json.dumps(pair.source_columns) if pair.source_columns else None for pair in pairs],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.record_batch(arrays, schema=SCHEMA)


def _from_arrow(batch: pa.RecordBatch) -> Iterator[IngestedPair]:
    for ordinal, uid, key, uri, offset, size, sha256, caption, source_uid, columns in zip(
        *(column.to_pylist() for column in batch.columns), strict=True
    ):
        image = None if uri is None else Location(uri, offset, size)
        source_columns = {} if columns is None else json.loads(columns)
        yield IngestedPair(ordinal, uid, key, image, sha256, caption, source_uid, source_columns)
