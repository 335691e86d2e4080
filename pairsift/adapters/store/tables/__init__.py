"""The tables. Core tables, not mapped classes: nothing is loaded as an object, and wide rows go by the driver.

Whoever takes one takes it here, so that all are there: keys name tables of other modules, and migrations compare all.
"""

from pairsift.adapters.store.tables.deciding import (
    calibration,
    dataset_calibration,
    decided_attempt,
    decision_set,
    policy,
)
from pairsift.adapters.store.tables.drifting import drift, reference_window, statistics
from pairsift.adapters.store.tables.keeping import label, release, release_file, release_partition, takedown, tombstone
from pairsift.adapters.store.tables.ledger import attempt, attempt_model, chunk, dataset, export, model, partition, run
from pairsift.adapters.store.tables.named import adapter, evaluation_set, fusion_head, target_set
from pairsift.adapters.store.tables.pairs import DECISION_COLUMNS, PAIR_COLUMNS, SCORE_COLUMNS, decision, pair, score
from pairsift.adapters.store.tables.schema import UtcDateTime, metadata

__all__ = [
    "DECISION_COLUMNS",
    "PAIR_COLUMNS",
    "SCORE_COLUMNS",
    "UtcDateTime",
    "adapter",
    "attempt",
    "attempt_model",
    "calibration",
    "chunk",
    "dataset",
    "dataset_calibration",
    "decided_attempt",
    "decision",
    "decision_set",
    "drift",
    "evaluation_set",
    "export",
    "fusion_head",
    "label",
    "metadata",
    "model",
    "pair",
    "partition",
    "policy",
    "reference_window",
    "release",
    "release_file",
    "release_partition",
    "run",
    "score",
    "statistics",
    "takedown",
    "target_set",
    "tombstone",
]
