"""Writes what is stored without the pairs that are taken down: chunks, exports, lists of releases, calibrations."""

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Engine

from pairsift.adapters.calibrating import write_calibration
from pairsift.adapters.calibrations import read_reference
from pairsift.adapters.chunks import EMBEDDINGS, ChunkData, parquet_writer, read_chunk, write_chunk
from pairsift.adapters.durable import FileFacts
from pairsift.adapters.exporting import ExportAsked, export_anew
from pairsift.adapters.exports import WITHOUT_PICTURES, formats_of
from pairsift.adapters.published import bytes_at, publish
from pairsift.adapters.searching import ListedRelease
from pairsift.adapters.store.decisions import attempt_alone, decision_sets
from pairsift.adapters.store.erasing import ChunkedAttempt, Replacement, contents_between
from pairsift.adapters.store.releases import ReleaseRow, files_of_release
from pairsift.adapters.store.rows import ChunkRow, ExportRow
from pairsift.adapters.store.takedowns import FoundPair, Subject
from pairsift.adapters.store.withdrawing import (
    StaleExport,
    enter_rewritten,
    replace_calibration,
    scores_of_calibration,
    withdraw_list,
)
from pairsift.core.fingerprint import chunk_fingerprint, fingerprint
from pairsift.core.forgetting import FORGOTTEN_UID
from pairsift.core.records import Reason
from pairsift.core.signals import IMAGE_SIGNALS, SIGNALS, TEXT_SIGNALS
from pairsift.errors import (
    CalibrationDamagedError,
    ChunkDamagedError,
    SourceChangedError,
    SourceError,
    StorageDeniedError,
    StorageError,
)

MEASURED = (*IMAGE_SIGNALS, *TEXT_SIGNALS)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt's chunk lies among its pairs, from `start` up to, not including, `stop`."""

    attempt: ChunkedAttempt
    start: int
    stop: int


def places_of(attempts: Sequence[ChunkedAttempt]) -> dict[str, Place]:
    """Find for every chunk one attempt that has it."""
    found: dict[str, Place] = {}
    for attempt in attempts:
        start = 0
        for chunk, rows in attempt.chunks:
            found.setdefault(chunk, Place(attempt, start, start + rows))
            start += rows
    return found


def reasons_of(
    rows: Sequence[FoundPair], attempts: Sequence[ChunkedAttempt], by_chunk: Mapping[str, Mapping[str, str]]
) -> dict[tuple[int, int], Mapping[str, str]]:
    """Tell of every row, by attempt and ordinal, why its signals have no value: as its chunk does."""
    by_id = {attempt.id: attempt for attempt in attempts}
    usual = dict.fromkeys(MEASURED, str(Reason.FORGOTTEN))
    found: dict[tuple[int, int], Mapping[str, str]] = {}
    for row in rows:
        ends = list(accumulate(count for _, count in by_id[row.attempt_id].chunks))
        number = bisect_right(ends, row.ordinal)
        name = by_id[row.attempt_id].chunks[number][0] if number < len(ends) else ""
        found[row.attempt_id, row.ordinal] = by_chunk.get(name, usual)
    return found


def rewrite_chunk(
    engine: Engine, storage: Path, old: ChunkRow, place: Place, subject: Subject
) -> tuple[Replacement, dict[str, str]] | None:
    """Write a chunk anew without some pairs, and tell why these have no value; None where it cannot be read."""
    contents = contents_between(engine, place.attempt.id, place.start, place.stop)
    uids, images = set(subject.uids), set(subject.images)
    gone = [n for n, (uid, image) in enumerate(contents) if uid in uids or image in images or uid == FORGOTTEN_UID]
    try:
        data = read_chunk(storage / old.uri)
    except ChunkDamagedError:
        return None
    gone = sorted({*gone, *(n for n, uid in enumerate(data.uids) if uid in uids)})
    identities = [(FORGOTTEN_UID, None) if n in gone else content for n, content in enumerate(contents)]
    name = chunk_fingerprint(place.attempt.score_fingerprint, identities)
    reasons = _reasons(data)
    file = write_chunk(storage, name, without(data, gone, reasons))
    row = ChunkRow(name, file.uri, file.sha256, file.size, file.rows)
    return Replacement(old.fingerprint, row), {name: str(reason) for name, reason in reasons.items()}


def _reasons(data: ChunkData) -> dict[str, Reason]:
    """Say of every signal that applies to a chunk's pairs why a forgotten one has no value, as if it came so."""
    told = {name for reasons in data.unmeasurable for name in reasons}
    valued = {name for name, values in data.signals.items() if any(value is not None for value in values)}
    return {s.name: Reason.FORGOTTEN for s in SIGNALS if s.name in {*MEASURED, *told, *valued}}


def without(data: ChunkData, gone: Sequence[int], reasons: Mapping[str, Reason]) -> ChunkData:
    """Put nothing in the place of some of a chunk's pairs."""
    places = set(gone)
    embeddings = {name: getattr(data, name).copy() for name in EMBEDDINGS}
    for vectors in embeddings.values():
        vectors[list(gone)] = np.nan
    return replace(
        data,
        uids=[FORGOTTEN_UID if n in places else uid for n, uid in enumerate(data.uids)],
        captions=[None if n in places else caption for n, caption in enumerate(data.captions)],
        signals={
            name: [None if n in places else value for n, value in enumerate(values)]
            for name, values in data.signals.items()
        },
        unmeasurable=[dict(reasons) if n in places else why for n, why in enumerate(data.unmeasurable)],
        **embeddings,
    )


def rewrite_export(engine: Engine, storage: Path, stale: StaleExport) -> tuple[str, list[str]]:
    """Write an export anew from what is stored, and enter it; name its partition, and the formats that it lacks now.

    Those are the ones with pictures where the source cannot be read, and all where the chunks are gone.
    """
    part = attempt_alone(engine, stale.attempt_id)
    (shown,) = (each for each in decision_sets(engine, stale.dataset_id) if each.id == stale.decision_set_id)
    wanted = formats_of(stale.files)
    files: list[ExportRow] = []
    for formats in (wanted, tuple(name for name in wanted if name in WITHOUT_PICTURES)):
        asked = ExportAsked(stale.dataset, formats=formats, out=stale.out_uri)
        try:
            files = export_anew(engine, storage, asked, part, shown)
            break
        except (ChunkDamagedError, SourceError, SourceChangedError, StorageDeniedError, StorageError):
            continue
    enter_rewritten(engine, stale, files)
    written = formats_of(file.name for file in files)
    return part.key, [name for name in wanted if name not in written]


def rewrite_list(engine: Engine, storage: Path, listed: ListedRelease, subject: Subject) -> None:
    """Write the list of a release's pairs without some, beside the one that there was, and what was withdrawn."""
    table = pq.read_table(pa.BufferReader(bytes_at(listed.uri)))
    gone = pa.array([bytes.fromhex(uid) for uid in subject.uids], pa.binary(16))
    kept = table.filter(pc.invert(pc.is_in(table["uid"], gone)))
    digest = fingerprint([uid.hex() for uid in kept["uid"].to_pylist()])
    uri = f"{listed.release.folder}/{listed.release.name}.pairs-{digest[:16]}.parquet"
    facts = _publish_table(uri, kept, storage)
    withdraw_list(engine, listed.uri, uri, facts.sha256)


def _publish_table(uri: str, table: pa.Table, storage: Path) -> FileFacts:
    def write(path: Path) -> None:
        with parquet_writer(path, table.schema) as writer:
            writer.write_table(table)

    return publish(uri, storage / "scratch", write)


def tell_withdrawals(engine: Engine, storage: Path, release: ReleaseRow) -> None:
    """Write beside a release's manifest, which is never changed, what stands in the place of its files since."""
    withdrawn = [file for file in files_of_release(engine, release.id) if file.withdrawn_at is not None]
    if not withdrawn:
        return
    folder = f"{release.folder.rpartition('/')[0]}/"
    told = [
        {
            "file": file.uri.removeprefix(folder),
            "sha256": file.sha256,
            "replaced_by": file.replaced_by and file.replaced_by.removeprefix(folder),
            "replaced_sha256": file.replaced_sha256,
            "withdrawn_at": file.withdrawn_at and file.withdrawn_at.isoformat(timespec="seconds"),
        }
        for file in withdrawn
    ]
    text = json.dumps({"release": release.name, "sha256": release.sha256, "withdrawn": told}, indent=2) + "\n"
    uri = f"{release.folder}/{release.name}.withdrawn.json"
    publish(uri, storage / "scratch", lambda path: path.write_text(text, encoding="utf-8"))


def rewrite_calibration(engine: Engine, storage: Path, path: Path, subject: Subject) -> str | None:
    """Make a calibration of what is left of one without some pairs, in its place; None where too few are left."""
    old = path.stem
    scored = scores_of_calibration(engine, old)
    made = None
    if scored is not None:
        try:
            pairs = read_reference(path)
        except CalibrationDamagedError:
            replace_calibration(engine, old, None)
            return None
        uids, images = set(subject.uids), set(subject.images)
        left = [n for n, uid in enumerate(pairs.uids) if uid not in uids and pairs.pictures[n] not in images]
        made = write_calibration(storage, scored, pairs.take(np.array(left, dtype=np.int64)))
    replace_calibration(engine, old, made)
    return None if made is None else made.fingerprint
