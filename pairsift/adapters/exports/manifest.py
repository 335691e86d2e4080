"""`manifest.json`: the committed files of a data set, and nothing of when, where or by which run they were made."""

import json
from collections.abc import Iterable
from pathlib import Path

from pairsift.adapters.durable import write_durably
from pairsift.adapters.exports.catalog import dataset_folder
from pairsift.adapters.store.queries import ActiveExport

MANIFEST = "manifest.json"


def write_manifest(out: str, dataset: str, files: Iterable[ActiveExport]) -> Path:
    """Write OUT/<dataset>/manifest.json anew, sorted by path, and return its path.

    Paths in it are relative to it, so that a folder of exports can be moved and compared.
    """
    path = dataset_folder(out, dataset) / MANIFEST
    text = manifest_text(out, dataset, files)
    write_durably(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


def manifest_is_current(out: str, dataset: str, files: Iterable[ActiveExport]) -> bool:
    """Say whether the manifest is there and lists exactly these files."""
    path = dataset_folder(out, dataset) / MANIFEST
    return path.is_file() and path.read_bytes() == manifest_text(out, dataset, files).encode()


def manifest_text(out: str, dataset: str, files: Iterable[ActiveExport]) -> str:
    """Describe the files as the manifest does: JSON, sorted."""
    folder = dataset_folder(out, dataset)
    described = sorted((_describe(file, folder) for file in files), key=lambda file: str(file["path"]))
    return json.dumps({"dataset": dataset, "files": described}, indent=2, sort_keys=True) + "\n"


def _describe(file: ActiveExport, folder: Path) -> dict[str, str | int]:
    return {
        "partition": file.partition,
        "name": file.name,
        "path": Path(file.uri).relative_to(folder).as_posix(),
        "rows": file.rows,
        "sha256": file.sha256,
        "size": file.size,
    }
