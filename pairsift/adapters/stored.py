"""A committed attempt's pairs as they are decided on, from the store's columns; their embeddings from chunk files."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from pairsift.adapters.chunks import chunk_uri, read_chunk
from pairsift.adapters.confined import place_below
from pairsift.adapters.results import pair_name
from pairsift.adapters.store.columns import (
    decision_columns,
    pair_columns,
    score_columns,
    source_columns,
    unmeasurable_scores,
)
from pairsift.adapters.store.decisions import CommittedPartition
from pairsift.core.arrays import Flags, Floats
from pairsift.core.calibration import Calibrated, Calibration, EmbeddedPairs, calibrate
from pairsift.core.columns import Column, Columns, Matches, to_reason_codes
from pairsift.core.copy_kinds import PERCEPTUAL_HASH
from pairsift.core.deciding import calibratable
from pairsift.core.decontamination import Decontaminate
from pairsift.core.duplicates import COPY_REASONS, Bytes, to_bytes
from pairsift.core.evaluation_sets import Suspects
from pairsift.core.judgements import REASONS, VERDICTS, Judgements, reason_code
from pairsift.core.judging import NamedCopies, PairTable
from pairsift.core.near_copies import Hashes, parse_hashes
from pairsift.core.policy import Policy
from pairsift.core.records import Reason
from pairsift.core.signals import BY_NAME, RELATIVE, SOURCE_PREFIX, source_column
from pairsift.errors import ChunkDamagedError, ConservationError

COPY_CODES = [reason_code(reason) for reason in COPY_REASONS]

_VERDICT_CODES = {str(verdict): code for code, verdict in enumerate(VERDICTS)}
_REASON_CODES = {None if reason is None else str(reason): code for code, reason in enumerate(REASONS)}


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """What was decided of an attempt's pairs under one decision set, and by which z and p."""

    judged: Judgements
    calibrated: Calibrated


def stored_table(
    engine: Engine, storage: Path, part: CommittedPartition, policy: Policy, copies: NamedCopies | None = None
) -> PairTable:
    """Read what a policy goes by of an attempt's pairs, and nothing else of them; chunk files for embeddings alone.

    Where its `copies` are known already, nothing is read to find them by.
    """
    columns = stored_signals(engine, part, policy)
    if copies is not None or not policy.duplicates.looked_for:
        return PairTable((), columns, copies=copies)
    identity = pair_columns(engine, part.attempt_id, ["uid", "key", "image_sha256"])
    uids, keys, pictures = _by_column(identity, part, 3)
    names = [pair_name(part.key, key) for key in keys]
    embeddings = None if policy.duplicates.semantic is None else stored_embeddings(engine, storage, part).image
    return PairTable(uids, columns, names, pictures, embeddings)


def stored_signals(engine: Engine, part: CommittedPartition, policy: Policy) -> Columns:
    """Read the signals and columns of the source that a policy goes by, and why values are absent.

    Relative signals are not among them: they belong to decisions.
    """
    signals = sorted(name for name in policy.signals - RELATIVE if source_column(name) is None)
    words = [name for name in signals if BY_NAME[name].type == "str"]
    numbers = [name for name in signals if name not in words]
    values: dict[str, Column] = {**stored_numbers(engine, part, numbers), **_words(engine, part, words)}
    if policy.source_columns:
        values |= _of_source(engine, part, policy.source_columns)
    reasons = to_reason_codes(part.pairs, _reasons(unmeasurable_scores(engine, part.attempt_id)))
    return Columns(part.pairs, values, reasons)


def stored_copies(engine: Engine, part: CommittedPartition, decision_set_id: int) -> NamedCopies:
    """Read what a decision set tells of the copies among an attempt's pairs."""
    rows = decision_columns(engine, part.attempt_id, decision_set_id, ("reason", "duplicate_group", "duplicate_of"))
    reasons, groups, keepers = _by_column(rows, part, 3)
    places = np.flatnonzero([group is not None for group in groups])
    codes = np.array([_REASON_CODES[reasons[place]] for place in places], dtype=np.uint8)
    return NamedCopies(
        places,
        np.where(np.isin(codes, COPY_CODES), codes, 0).astype(np.uint8),
        np.array([groups[place] for place in places], dtype=np.object_),
        np.array([keepers[place] for place in places], dtype=np.object_),
    )


def stored_uids(engine: Engine, part: CommittedPartition) -> Bytes:
    """Read the uids of an attempt's pairs."""
    (uids,) = _by_column(pair_columns(engine, part.attempt_id, ["uid"]), part, 1)
    return to_bytes(uids)


def stored_keys(engine: Engine, part: CommittedPartition) -> Sequence[str]:
    """Read the keys of an attempt's pairs."""
    (keys,) = _by_column(pair_columns(engine, part.attempt_id, ["key"]), part, 1)
    return keys


def stored_pictures(engine: Engine, part: CommittedPartition) -> Bytes:
    """Read the sha256s of the image files of an attempt's pairs."""
    (pictures,) = _by_column(pair_columns(engine, part.attempt_id, ["image_sha256"]), part, 1)
    return to_bytes(pictures)


def stored_hashes(engine: Engine, part: CommittedPartition) -> tuple[Hashes, Flags]:
    """Read the perceptual hashes of an attempt's pairs, and which of them have one."""
    return parse_hashes(_words(engine, part, [PERCEPTUAL_HASH])[PERCEPTUAL_HASH].tolist())


def stored_decided(engine: Engine, part: CommittedPartition, decision_set_id: int) -> Decided:
    """Read the verdicts of an attempt's pairs under a decision set, and the z and p that they rest on."""
    judged, (z, p) = stored_judged(engine, part, decision_set_id, ["alignment_z", "alignment_p"])
    return Decided(judged, Calibrated(z, p))


def stored_judged(
    engine: Engine, part: CommittedPartition, decision_set_id: int, columns: Sequence[str]
) -> tuple[Judgements, list[Floats]]:
    """Read the verdicts of an attempt's pairs under a decision set, and columns of numbers, NaN where absent."""
    rows = decision_columns(engine, part.attempt_id, decision_set_id, ["verdict", "reason", *columns])
    verdicts, reasons, *numbers = _by_column(rows, part, 2 + len(columns))
    judged = Judgements(
        np.array([_VERDICT_CODES[verdict] for verdict in verdicts], dtype=np.uint8),
        np.array([_REASON_CODES[reason] for reason in reasons], dtype=np.uint8),
    )
    return judged, [np.array(column, dtype=np.float64) for column in numbers]


def stored_relative(engine: Engine, part: CommittedPartition, decision_set_id: int, name: str) -> Floats:
    """Read a relative signal of an attempt's pairs, as a decision set that goes by it holds it."""
    column = name.partition(".")[2]
    (values,) = _by_column(decision_columns(engine, part.attempt_id, decision_set_id, [column]), part, 1)
    return np.array(values, dtype=np.float64)


def stored_matches(engine: Engine, part: CommittedPartition, decision_set_id: int) -> Matches:
    """Read what a decision set tells of the pairs that are in evaluation sets."""
    asked = ("reason", "evaluation_match", "evaluation_distance")
    reasons, members, distances = _by_column(decision_columns(engine, part.attempt_id, decision_set_id, asked), part, 3)
    places = np.flatnonzero([member is not None for member in members])
    return Matches(
        places,
        np.array([_REASON_CODES[reasons[place]] for place in places], dtype=np.uint8),
        np.array([members[place] for place in places], dtype=np.object_),
        np.array([distances[place] for place in places], dtype=np.float64),
    )


def stored_suspects(engine: Engine, storage: Path, part: CommittedPartition, asked: Decontaminate) -> Suspects:
    """Read what an attempt's pairs are held against evaluation sets by; chunk files for embeddings alone."""
    columns = pair_columns(engine, part.attempt_id, ["image_sha256", "caption"])
    pictures, captions = _by_column(columns, part, 2)
    nothing = np.empty((0, 0), np.float32)
    image = nothing if asked.semantic is None else stored_embeddings(engine, storage, part).image
    return Suspects(pictures, captions, image)


def calibrated_anew(
    engine: Engine, storage: Path, part: CommittedPartition, columns: Columns, calibration: Calibration | None
) -> Calibrated:
    """Compute z and p of an attempt's pairs from the embeddings in its chunk files, as a run would."""
    embedded = stored_embeddings(engine, storage, part)
    return calibrate(calibration, embedded, calibratable(columns, embedded))


def stored_embeddings(engine: Engine, storage: Path, part: CommittedPartition) -> EmbeddedPairs:
    """Read what z and p go by of an attempt's pairs; ChunkDamagedError where a chunk file is not as it was."""
    uids, pictures = _by_column(pair_columns(engine, part.attempt_id, ["uid", "image_sha256"]), part, 2)
    places = [place_below(storage, chunk_uri(fingerprint)) for fingerprint in part.chunks]
    chunks = [read_chunk(place, signals=False) for place in places]
    if [uid for chunk in chunks for uid in chunk.uids] != list(uids):
        raise ChunkDamagedError(f"chunk files of partition {part.key} hold other pairs: run the source again")
    nothing = [np.empty((0, 0), np.float16)]
    return EmbeddedPairs(
        uids,
        [caption for chunk in chunks for caption in chunk.captions],
        pictures,
        np.concatenate([chunk.image_embedding for chunk in chunks] or nothing).astype(np.float32),
        np.concatenate([chunk.text_embedding for chunk in chunks] or nothing).astype(np.float32),
    )


def _by_column(rows: Sequence[tuple[Any, ...]], part: CommittedPartition, count: int) -> list[tuple[Any, ...]]:
    """Turn rows into columns; ConservationError where there is not one row a pair."""
    _require_all(rows, part)
    return list(zip(*rows, strict=True)) if rows else [()] * count


def _require_all(rows: Sequence[tuple[Any, ...]], part: CommittedPartition) -> None:
    if len(rows) != part.pairs:
        raise ConservationError(
            f"partition {part.key}: {len(rows)} rows where {part.pairs} pairs are committed: run `pairsift check`"
        )


def stored_numbers(engine: Engine, part: CommittedPartition, signals: Sequence[str]) -> dict[str, Floats]:
    """Read signals that are numbers of an attempt's pairs: (n,) float64 by name, NaN where absent."""
    rows = score_columns(engine, part.attempt_id, [BY_NAME[name].column for name in signals]) if signals else []
    if signals:
        _require_all(rows, part)
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(signals))  # at once, and None becomes NaN
    return {name: np.ascontiguousarray(table[:, n]) for n, name in enumerate(signals)}


def _words(engine: Engine, part: CommittedPartition, signals: Sequence[str]) -> dict[str, Column]:
    rows = score_columns(engine, part.attempt_id, [BY_NAME[name].column for name in signals]) if signals else []
    columns = _by_column(rows, part, len(signals)) if signals else []
    return {name: np.array(column, dtype=np.object_) for name, column in zip(signals, columns, strict=True)}


def _of_source(engine: Engine, part: CommittedPartition, names: Collection[str]) -> dict[str, Column]:
    """Read columns of the source: (n,) object by `source.NAME`, None where absent."""
    values = {name: np.full(part.pairs, None, dtype=np.object_) for name in names}
    for ordinal, text in source_columns(engine, part.attempt_id):
        for name, value in json.loads(text).items():
            if name in values:
                values[name][ordinal] = value
    return {f"{SOURCE_PREFIX}{name}": column for name, column in values.items()}


def _reasons(rows: Sequence[tuple[int, str]]) -> list[tuple[int, dict[str, Reason]]]:
    """Read why values are absent, by ordinal; the same words, of which there are few, are read once."""
    said = {
        text: {name: Reason(reason) for name, reason in json.loads(text).items()} for text in {text for _, text in rows}
    }
    return [(ordinal, said[text]) for ordinal, text in rows]
