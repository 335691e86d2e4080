"""What was trained becomes known: its file durable first, then its row."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from pairsift.adapters.durable import write_durably
from pairsift.adapters.store.trained import Kind, TrainedRow, register_trained


def keep_trained(
    engine: Engine, storage: Path, kind: Kind, made: TrainedRow, write: Callable[[Path], object]
) -> TrainedRow:
    """Write a file below the storage and register it, with its sha256, which `made` need not have yet."""
    facts = write_durably(storage / made.uri, write)
    row = replace(made, sha256=facts.sha256)
    register_trained(engine, kind, row)
    return row
