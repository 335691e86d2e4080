"""A data set's manifests, rebuilt from the store, the newest last."""

from functools import partial

from sqlalchemy import Engine

from pairsift.adapters.exports import write_manifest
from pairsift.adapters.store.queries import active_exports, export_places
from pairsift.adapters.store.registry import dataset_lock, register_dataset


def rebuild_manifest(engine: Engine, dataset: str, out: str) -> str:
    """Write OUT/<dataset>/manifest.json anew from the active exports, and return its path or URI.

    One process does so at a time in a folder, by the data set's row lock; in an object store each sees to it that it
    replaces what it has seen.
    """
    lock = partial(dataset_lock, engine, register_dataset(engine, dataset))
    return write_manifest(out, dataset, partial(active_exports, engine, dataset, out), lock)


def rebuild_manifests(engine: Engine, dataset: str, *outs: str) -> None:
    """Write the manifests anew at some outputs, and at all others that a data set has files at.

    Another decision set may have become active, and they list what is shown.
    """
    places = {out for name, out in export_places(engine) if name == dataset}
    for out in sorted(places.union(outs)):
        rebuild_manifest(engine, dataset, out)
