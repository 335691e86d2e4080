"""Makes calibrations of data sets: of candidates that pilots left, or of what stands committed."""

import time
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from pairsift.adapters.calibrations import calibration_uri, join_pairs, write_reference
from pairsift.adapters.comparing import Advance, no_progress
from pairsift.adapters.drifting import make_window
from pairsift.adapters.store.decisions import committed_partitions, find_dataset, newest_scores, smallest_survivors
from pairsift.adapters.store.registry import current_calibration, register_calibration
from pairsift.adapters.store.rows import CalibrationRow
from pairsift.adapters.stored import stored_embeddings, stored_numbers
from pairsift.core.calibration import (
    MIN_REFERENCE_PAIRS,
    REFERENCE_PAIRS,
    EmbeddedPairs,
    calibration_facts,
    choose_reference,
    prepare_calibration,
)
from pairsift.core.signals import NUMBERS
from pairsift.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Made:
    """What a data set is held against from now on: a calibration, of so many pairs, and a reference window of drift.

    `before` is the calibration it had (None: none); `window` the window's number (None: too few pairs for one).
    """

    calibration: str
    before: str | None
    pairs: int
    nulls: int
    window: int | None
    seconds: float


def calibrate_anew(engine: Engine, storage: Path, dataset: str, advance: Advance = no_progress) -> Made:
    """Make a new calibration of what stands committed and survived rules and copies: the smallest uids with embeddings.

    And a new reference window of drift of all that stands committed. Only of partitions that are scored as the one
    committed last: a calibration is an encoder's. ConfigError if they are too few. Nothing is decided by it yet.
    """
    started = time.monotonic()
    dataset_id = find_dataset(engine, dataset)
    scored = newest_scores(committed_partitions(engine, dataset_id))
    before = current_calibration(engine, dataset_id, scored)
    row = write_calibration(storage, scored, _survivors(engine, storage, dataset_id, scored, advance))
    if row is None:
        raise ConfigError(
            f"data set {dataset!r} has too few pairs to calibrate by: {MIN_REFERENCE_PAIRS} that passed rules and were "
            "compared by the encoder are needed, with captions of more than one kind"
        )
    register_calibration(engine, dataset_id, row, anew=True)
    pairs, nulls = row.summary["n_reference"], row.summary["n_null"]
    window = make_window(engine, dataset, scored)
    number = None if window is None else window.number
    return Made(row.fingerprint, before, int(str(pairs)), int(str(nulls)), number, time.monotonic() - started)


def write_calibration(storage: Path, score_fingerprint: str, candidates: EmbeddedPairs) -> CalibrationRow | None:
    """Make a calibration of the best of some candidates; its file is durable, and the store is still to name it.

    None, and no file, if they are too few or cannot be told apart.
    """
    reference = candidates.take(choose_reference(candidates.uids, np.arange(len(candidates.uids))))
    calibration = prepare_calibration(reference, score_fingerprint)
    if calibration is None:
        return None
    facts = write_reference(storage / calibration_uri(calibration.fingerprint), reference)
    return CalibrationRow(
        calibration.fingerprint, score_fingerprint, asdict(calibration_facts(calibration)), facts.sha256
    )


def _survivors(engine: Engine, storage: Path, dataset_id: int, scored: str, advance: Advance) -> EmbeddedPairs:
    """Read the pairs of the smallest uids, with their embeddings, one partition's files at a time."""
    places: dict[int, list[int]] = defaultdict(list)
    for attempt_id, ordinal in smallest_survivors(engine, dataset_id, scored, REFERENCE_PAIRS):
        places[attempt_id].append(ordinal)
    found = []
    for part in committed_partitions(engine, dataset_id):
        if part.attempt_id in places:
            chosen = np.array(places[part.attempt_id], dtype=np.int64)
            embedded = replace(stored_embeddings(engine, storage, part), values=stored_numbers(engine, part, NUMBERS))
            found.append(embedded.take(chosen))
        advance()
    return join_pairs(found)
