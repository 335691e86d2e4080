"""`manifest.json`: the committed files of a data set, and nothing of when, where or by which run they were made."""

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

from pairsift.adapters.exports.catalog import dataset_folder
from pairsift.adapters.published import bytes_at, publish_text
from pairsift.adapters.store.queries import ActiveExport

MANIFEST = "manifest.json"


def write_manifest(
    out: str,
    dataset: str,
    files: Callable[[], Iterable[ActiveExport]],
    lock: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> str:
    """Write OUT/<dataset>/manifest.json anew of what `files` finds, sorted by path, and return its path or URI.

    Paths in it are relative to it, so that a folder of exports can be moved and compared. `lock` keeps other processes
    from writing it where the place itself cannot.
    """
    uri = manifest_uri(out, dataset)
    publish_text(uri, lambda: manifest_text(out, dataset, files()), lock)
    return uri


def manifest_is_current(out: str, dataset: str, files: Iterable[ActiveExport]) -> bool:
    """Say whether the manifest is there and lists exactly these files."""
    return bytes_at(manifest_uri(out, dataset)) == manifest_text(out, dataset, files).encode()


def manifest_uri(out: str, dataset: str) -> str:
    """Name a data set's manifest."""
    return f"{dataset_folder(out, dataset)}/{MANIFEST}"


def manifest_text(out: str, dataset: str, files: Iterable[ActiveExport]) -> str:
    """Describe the files as the manifest does: JSON, sorted."""
    folder = dataset_folder(out, dataset)
    described = sorted((_describe(file, folder) for file in files), key=lambda file: str(file["path"]))
    return json.dumps({"dataset": dataset, "files": described}, indent=2, sort_keys=True) + "\n"


def _describe(file: ActiveExport, folder: str) -> dict[str, str | int]:
    return {
        "partition": file.partition,
        "name": file.name,
        "path": file.uri.removeprefix(f"{folder}/"),
        "rows": file.rows,
        "sha256": file.sha256,
        "size": file.size,
    }
