"""A partition's results, joined chunk by chunk: what is decided on, exported and committed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairsift.adapters.chunks import ChunkData, chunk_uri, read_chunk
from pairsift.adapters.confined import place_below
from pairsift.adapters.exports import ExportBatch
from pairsift.adapters.pairlist import read_pairs
from pairsift.adapters.store.rows import Counts
from pairsift.adapters.store.tables import DECISION_COLUMNS
from pairsift.core.calibration import EmbeddedPairs
from pairsift.core.captions import display_text
from pairsift.core.columns import Columns, to_columns
from pairsift.core.deciding import Decision, Decisions
from pairsift.core.judgements import DROP, KEEP, QUARANTINE, REASONS, VERDICTS, Codes
from pairsift.core.judging import PairTable
from pairsift.core.records import IngestedPair, Location, Reason, Verdict
from pairsift.core.signals import NUMBERS, SIGNALS, SOURCE_PREFIX
from pairsift.errors import ChunkDamagedError

Row = tuple[object, ...]
_LAST_COLUMNS = DECISION_COLUMNS[DECISION_COLUMNS.index("rank") :]
_NAMES = {word: None if word is None else str(word) for word in (*VERDICTS, *REASONS)}
Measured = tuple[list[IngestedPair], ChunkData]


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredPairs:
    """A partition's pairs as they are decided on, and as calibration sees them, in the same order."""

    table: PairTable
    embedded: EmbeddedPairs


@dataclass(frozen=True, slots=True)
class PartitionFiles:
    """Where a partition's pair list and chunk files lie; `chunks` are the chunks' fingerprints, in order."""

    storage: Path
    pair_list: Path
    chunks: Sequence[str]

    def measured(self, *, embeddings: bool = True) -> Iterator[Measured]:
        """Read the pairs and measurements of one chunk after the other."""
        start = 0
        for fingerprint in self.chunks:
            chunk = read_chunk(place_below(self.storage, chunk_uri(fingerprint)), embeddings=embeddings)
            stop = start + len(chunk.uids)
            yield _joined(fingerprint, read_pairs(self.pair_list, start, stop), chunk)
            start = stop


def stored_measured(storage: Path, chunks: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[Measured]:
    """Do as `PartitionFiles.measured` with a committed attempt's chunk files and its rows in the store."""
    remaining = iter(rows)
    for fingerprint in chunks:
        chunk = read_chunk(place_below(storage, chunk_uri(fingerprint)))
        yield _joined(fingerprint, [stored_pair(row) for row in islice(remaining, len(chunk.uids))], chunk)


def _joined(fingerprint: str, pairs: list[IngestedPair], chunk: ChunkData) -> Measured:
    """Refuse (ChunkDamagedError) to give pairs the measurements of others, whatever went wrong before."""
    if [pair.uid for pair in pairs] != chunk.uids:
        raise ChunkDamagedError(f"chunk file {chunk_uri(fingerprint)} holds other pairs: remove it and run again")
    return pairs, chunk


def measured_pairs(measured: Iterable[Measured], partition: str) -> MeasuredPairs:
    """Put all chunks of a partition, given by its key, together: its signals and embeddings are in memory."""
    pairs: list[IngestedPair] = []
    chunks: list[ChunkData] = []
    for chunk_pairs, chunk in measured:
        pairs += chunk_pairs
        chunks.append(chunk)
    columns = _columns(pairs, chunks)
    uids, pictures = [pair.uid for pair in pairs], [pair.image_sha256 for pair in pairs]
    image = _stacked([chunk.image_embedding for chunk in chunks])
    return MeasuredPairs(
        table=PairTable(uids, columns, [pair_name(partition, pair.key) for pair in pairs], pictures, image),
        embedded=EmbeddedPairs(
            uids=uids,
            captions=[caption for chunk in chunks for caption in chunk.captions],
            pictures=pictures,
            image=image,
            text=_stacked([chunk.text_embedding for chunk in chunks]),
            values={name: columns.numbers(name) for name in NUMBERS},
        ),
    )


def pair_name(partition: str, key: str) -> str:
    """Name a pair by the keys of its partition and its own, as `duplicate_of` does."""
    return f"{partition}/{key}"


def _columns(pairs: Sequence[IngestedPair], chunks: Sequence[ChunkData]) -> Columns:
    signals = {s.name: [value for chunk in chunks for value in chunk.signals[s.name]] for s in SIGNALS}
    carried = sorted({name for pair in pairs for name in pair.source_columns})
    of_source = {f"{SOURCE_PREFIX}{name}": [pair.source_columns.get(name) for pair in pairs] for name in carried}
    unmeasurable = [reasons for chunk in chunks for reasons in chunk.unmeasurable]
    return to_columns(len(pairs), {**signals, **of_source}, unmeasurable)


def _stacked(embeddings: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
    """Stack chunks of embeddings to (n, d); (0, 0) where a partition has no pair."""
    return np.concatenate(embeddings).astype(np.float32) if embeddings else np.empty((0, 0), np.float32)


def join_decisions(measured: Iterable[Measured], decisions: Iterable[Decision]) -> Iterator[ExportBatch]:
    """Give every chunk its share of the decisions."""
    remaining = iter(decisions)
    for pairs, chunk in measured:
        yield ExportBatch(pairs, chunk, list(islice(remaining, len(pairs))))


def pair_rows(measured: Iterable[Measured]) -> Iterator[Row]:
    """Make the rows of the table `pair`, in the order of PAIR_COLUMNS."""
    for pairs, chunk in measured:
        for pair, caption in zip(pairs, chunk.captions, strict=True):
            where = (None, None, None) if pair.image is None else (pair.image.uri, pair.image.offset, pair.image.size)
            identity = (pair.ordinal, pair.key, pair.uid, pair.source_uid)
            texts = (display_text(pair.raw_caption), caption)
            yield (*identity, *where, pair.image_sha256, *texts, dict(pair.source_columns) or None)


def score_rows(measured: Iterable[Measured], measured_by: Iterable[int]) -> Iterator[Row]:
    """Make the rows of the table `score`, in the order of SCORE_COLUMNS; `measured_by` names every pair's attempt."""
    attempts = iter(measured_by)
    for pairs, chunk in measured:
        columns = [chunk.signals[signal.name] for signal in SIGNALS]
        for pair, values, reasons in zip(pairs, zip(*columns, strict=True), chunk.unmeasurable, strict=True):
            yield (pair.ordinal, *values, dict(reasons), {}, next(attempts))


def decision_rows(decisions: Decisions) -> Iterator[Row]:
    """Make the rows of the table `decision`, in the order of DECISION_COLUMNS."""
    ordinals = count()
    for verdicts, reasons, z, p, q, *rest in decisions.blocks():
        here = islice(ordinals, len(verdicts))
        # Plain words: the drivers take their time over a subclass of str.
        names = ([_NAMES[word] for word in words] for words in (verdicts, reasons))
        yield from zip(here, z, p, q, *names, *rest, strict=True)


def stored_decisions(rows: Iterable[Mapping[str, Any]]) -> Iterator[Decision]:
    """Read decisions back from the store's rows."""
    for row in rows:
        reason = None if row["reason"] is None else Reason(row["reason"])
        calibrated = (row["alignment_z"], row["alignment_p"], row["alignment_q"])
        rest = (row[name] for name in _LAST_COLUMNS)
        yield Decision(Verdict(row["verdict"]), reason, *calibrated, *rest)


def stored_pair(row: Mapping[str, Any]) -> IngestedPair:
    """Read a pair back from its row in the store; the raw caption's bytes are not there."""
    has_image = row["source_uri"] is not None
    return IngestedPair(
        ordinal=row["ordinal"],
        uid=row["uid"],
        key=row["key"],
        image=Location(row["source_uri"], row["byte_offset"], row["byte_size"]) if has_image else None,
        image_sha256=row["image_sha256"],
        raw_caption=None,
        source_uid=row["source_uid"],
        source_columns=row["source_columns"] or {},
    )


def count_verdicts(verdicts: Codes) -> Counts:
    """Count pairs by the codes of their verdicts."""
    by_verdict = (int(np.count_nonzero(verdicts == code)) for code in (KEEP, DROP, QUARANTINE))
    return Counts(len(verdicts), *by_verdict)
