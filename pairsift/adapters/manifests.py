"""A data set's manifests, rebuilt from the store under the data set's row lock."""

from pathlib import Path

from sqlalchemy import Engine

from pairsift.adapters.exports import write_manifest
from pairsift.adapters.store.queries import active_exports, export_places
from pairsift.adapters.store.registry import dataset_lock, register_dataset


def rebuild_manifest(engine: Engine, dataset: str, out: str) -> Path:
    """Write OUT/<dataset>/manifest.json anew from the active exports, one process at a time; return its path."""
    with dataset_lock(engine, register_dataset(engine, dataset)):
        return write_manifest(out, dataset, active_exports(engine, dataset, out))


def rebuild_manifests(engine: Engine, dataset: str, *outs: str) -> None:
    """Write the manifests anew at some outputs, and at all others that a data set has files at.

    Another decision set may have become active, and they list what is shown.
    """
    places = {out for name, out in export_places(engine) if name == dataset}
    for out in sorted(places.union(outs)):
        rebuild_manifest(engine, dataset, out)
