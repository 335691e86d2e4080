"""The one list of export formats, and the folder that a partition's files go to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pairsift.adapters.durable import write_durably
from pairsift.adapters.exports.embeddings import write_embeddings
from pairsift.adapters.exports.pairs import write_pairs
from pairsift.adapters.exports.request import ExportRequest
from pairsift.adapters.exports.shard import write_shard
from pairsift.adapters.exports.uids import write_uids
from pairsift.adapters.sources.files import local_path
from pairsift.adapters.store.rows import ExportRow
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
    """A written file: its format, absolute path, number of rows, sha256 and size in bytes."""

    name: str
    uri: str
    rows: int
    sha256: str
    size: int


def write_export(request: ExportRequest) -> list[ExportedFile]:
    """Write a partition's files durably, each whole or not at all; the same request gives the same bytes again.

    ConfigError where `out`, the data set's or the partition's name cannot be a folder, or a format is unknown.
    """
    unknown = [name for name in request.formats if name not in WRITERS]
    if unknown:
        raise ConfigError(f"unknown export format {unknown[0]!r}: known are {', '.join(WRITERS)}")
    folder = export_folder(request.out, request.dataset, request.partition, request.fingerprint)
    return [_write(folder, name, request) for name in request.formats]


def files_are_there(files: Sequence[ExportRow]) -> bool:
    """Look whether the files of a committed export are all in place, whole by their size; False if there are none."""
    paths = [(Path(file.uri), file.size) for file in files]
    return bool(paths) and all(path.is_file() and path.stat().st_size == size for path, size in paths)


def export_folder(out: str, dataset: str, partition: str, fingerprint: str) -> Path:
    """Name the folder of one export: `OUT/<dataset>/<partition>/<16 digits>`, absolute."""
    return dataset_folder(out, dataset) / _checked(partition) / fingerprint[:FINGERPRINT_DIGITS]


def dataset_folder(out: str, dataset: str) -> Path:
    """Name the folder of a data set's exports and its manifest, absolute."""
    return out_folder(out) / _checked(dataset)


def out_folder(out: str) -> Path:
    """Turn `--out` into an absolute folder; ConfigError for object stores."""
    path = local_path(out)
    if path is None:
        raise ConfigError(f"cannot export to {out}: object stores are not supported for exports yet, give a folder")
    return path.absolute()


def _checked(component: str) -> str:
    if not component or component.startswith(".") or any(mark in component for mark in "/\\\0"):
        raise ConfigError(f"{component!r} cannot name a folder of an export: expected a name without / or leading dot")
    return component


def _write(folder: Path, name: str, request: ExportRequest) -> ExportedFile:
    file_name, write = WRITERS[name]
    rows: list[int] = []
    target = folder / file_name
    facts = write_durably(target, lambda temporary: rows.append(write(temporary, request)))
    return ExportedFile(name, str(target), rows[0], facts.sha256, facts.size)
