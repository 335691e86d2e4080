"""The one list of export formats, and the folder that a partition's files go to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pairsift.adapters.exports.embeddings import write_embeddings
from pairsift.adapters.exports.pairs import write_pairs
from pairsift.adapters.exports.request import ExportRequest
from pairsift.adapters.exports.shard import write_shard
from pairsift.adapters.exports.uids import write_uids
from pairsift.adapters.published import publish, sizes_at
from pairsift.adapters.sources.files import local_path
from pairsift.adapters.store.rows import ExportRow
from pairsift.adapters.uploading import require_bucket, require_store
from pairsift.errors import ConfigError

FINGERPRINT_DIGITS = 16

WRITERS: Mapping[str, tuple[str, Callable[[Path, ExportRequest], int]]] = {
    "pairs": ("pairs.parquet", write_pairs),
    "embeddings": ("embeddings.parquet", write_embeddings),
    "uids": ("uids.npy", write_uids),
    "shard": ("shard.tar", write_shard),
}
"""Every format: its file's name, and what writes it and returns the number of rows."""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A written file: its format, absolute path or URI, number of rows, sha256 and size in bytes."""

    name: str
    uri: str
    rows: int
    sha256: str
    size: int


def write_export(request: ExportRequest) -> list[ExportedFile]:
    """Write a partition's files, each there whole or not at all; the same request gives the same bytes again.

    ConfigError where `out`, the data set's or the partition's name cannot be a folder, or a format is unknown.
    """
    unknown = [name for name in request.formats if name not in WRITERS]
    if unknown:
        raise ConfigError(f"unknown export format {unknown[0]!r}: known are {', '.join(WRITERS)}")
    folder = export_folder(request.out, request.dataset, request.partition, request.fingerprint)
    return [_write(folder, name, request) for name in request.formats]


def files_are_there(files: Sequence[ExportRow]) -> bool:
    """Look whether the files of a committed export are all in place, whole by their size; False if there are none."""
    return bool(files) and sizes_at(file.uri for file in files) == [file.size for file in files]


def export_folder(out: str, dataset: str, partition: str, fingerprint: str) -> str:
    """Name the folder of one export: `OUT/<dataset>/<partition>/<16 digits>`."""
    return f"{dataset_folder(out, dataset)}/{_checked(partition)}/{fingerprint[:FINGERPRINT_DIGITS]}"


def dataset_folder(out: str, dataset: str) -> str:
    """Name the folder of a data set's exports and its manifest."""
    return f"{out_folder(out).rstrip('/')}/{_checked(dataset)}"


def out_folder(out: str) -> str:
    """Turn `--out` into an absolute path or the URI of an object store; ConfigError where it is neither."""
    path = local_path(out)
    if path is not None:
        return str(path.absolute())
    require_store(out)
    return out.rstrip("/")


def require_out(out: str) -> None:
    """Look whether there is a bucket for what is going to be exported, before anything is worked on."""
    if local_path(out) is None:
        require_bucket(out)


def _checked(component: str) -> str:
    if not component or component.startswith(".") or any(mark in component for mark in "/\\\0"):
        raise ConfigError(f"{component!r} cannot name a folder of an export: expected a name without / or leading dot")
    return component


def _write(folder: str, name: str, request: ExportRequest) -> ExportedFile:
    file_name, write = WRITERS[name]
    rows: list[int] = []
    uri = f"{folder}/{file_name}"
    facts = publish(uri, request.scratch, lambda path: rows.append(write(path, request)))
    return ExportedFile(name, uri, rows[0], facts.sha256, facts.size)
