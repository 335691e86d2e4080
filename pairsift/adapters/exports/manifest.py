"""`manifest.json`, the committed files of a data set, and `sizes.json`, the samples of its shards.

Neither says when, where or by which run they were made.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

from pairsift.adapters.exports.catalog import SHARDS, dataset_folder
from pairsift.adapters.published import bytes_at, publish_text
from pairsift.adapters.store.queries import ActiveExport

MANIFEST = "manifest.json"
SIZES = f"{SHARDS}/sizes.json"
NO_SIZES = "{}\n"


def write_manifest(
    out: str,
    dataset: str,
    files: Callable[[], Iterable[ActiveExport]],
    lock: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> str:
    """Write OUT/<dataset>/manifest.json anew of what `files` finds, sorted by path, and return its path or URI.

    Before it the sizes of the shards, where there are any, so that whoever finds the manifest finds them.

    Paths in it are relative to it, so that a folder of exports can be moved and compared. `lock` keeps other processes
    from writing it where the place itself cannot.
    """
    uri, sizes = manifest_uri(out, dataset), sizes_uri(out, dataset)
    if sizes_text(files()) != NO_SIZES or bytes_at(sizes) is not None:
        publish_text(sizes, lambda: sizes_text(files()), lock)
    publish_text(uri, lambda: manifest_text(out, dataset, files()), lock)
    return uri


def manifest_is_current(out: str, dataset: str, files: Iterable[ActiveExport]) -> bool:
    """Say whether the manifest is there and lists exactly these files, and the sizes are those of their shards."""
    listed, sizes = list(files), bytes_at(sizes_uri(out, dataset))
    are_sizes = (NO_SIZES.encode() if sizes is None else sizes) == sizes_text(listed).encode()
    return are_sizes and bytes_at(manifest_uri(out, dataset)) == manifest_text(out, dataset, listed).encode()


def manifest_uri(out: str, dataset: str) -> str:
    """Name a data set's manifest."""
    return f"{dataset_folder(out, dataset)}/{MANIFEST}"


def sizes_uri(out: str, dataset: str) -> str:
    """Name the file of a data set's shards and their sizes."""
    return f"{dataset_folder(out, dataset)}/{SIZES}"


def sizes_text(files: Iterable[ActiveExport]) -> str:
    """Count the samples of the shards as open_clip and DataComp's resharder read it: JSON, by the files' names."""
    sizes = {file.uri.rpartition("/")[2]: file.rows for file in files if file.name == "shard"}
    return json.dumps(sizes, indent=2, sort_keys=True) + "\n"


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
