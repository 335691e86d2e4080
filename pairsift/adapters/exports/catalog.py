"""The one list of export formats, and where their files go."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pairsift.adapters.durable import write_folder_durably
from pairsift.adapters.exports.clip_retrieval import write_image_embeddings, write_metadata, write_text_embeddings
from pairsift.adapters.exports.embeddings import write_embeddings
from pairsift.adapters.exports.folders import INDEX, write_kohya, write_open_clip_csv
from pairsift.adapters.exports.images import write_images
from pairsift.adapters.exports.pairs import write_pairs
from pairsift.adapters.exports.request import ExportRequest
from pairsift.adapters.exports.shard import write_shard, write_stats
from pairsift.adapters.exports.uids import write_uids
from pairsift.adapters.published import publish, sizes_at
from pairsift.adapters.sources.files import local_path
from pairsift.adapters.store.rows import ExportRow
from pairsift.adapters.uploading import require_bucket, require_store
from pairsift.core.conditions import nearest
from pairsift.errors import ConfigError

SHARDS = "shards"
"""Folder of a data set's shards: trainers look for a shard's size by its name alone, in the folder of the first."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a format: its name in the manifest, its place below the data set's folder, and what writes it.

    `write` returns the number of rows. What ends in `INDEX` is the list of a folder, which is written as a whole.
    """

    name: str
    place: str
    write: Callable[[Path, ExportRequest], int]

    @property
    def is_folder(self) -> bool:
        """Whether a folder of files is written, not one file."""
        return self.place.endswith(f"/{INDEX}")


FORMATS: Mapping[str, Sequence[Part]] = {
    "pairs": [Part("pairs", "{folder}/pairs.parquet", write_pairs)],
    "embeddings": [Part("embeddings", "{folder}/embeddings.parquet", write_embeddings)],
    "uids": [Part("uids", "{folder}/uids.npy", write_uids)],
    "shard": [
        Part("shard", f"{SHARDS}/{{alone}}.tar", write_shard),
        Part("shard-stats", f"{SHARDS}/{{alone}}_stats.json", write_stats),
    ],
    "images": [Part("images", "{folder}/images.parquet", write_images)],
    "clip-retrieval": [
        Part("clip-retrieval-image", "{folder}/clip-retrieval/img_emb/img_emb_0.npy", write_image_embeddings),
        Part("clip-retrieval-text", "{folder}/clip-retrieval/text_emb/text_emb_0.npy", write_text_embeddings),
        Part("clip-retrieval-metadata", "{folder}/clip-retrieval/metadata/metadata_0.parquet", write_metadata),
    ],
    "open-clip-csv": [Part("open-clip-csv", f"{{folder}}/open-clip-csv/{INDEX}", write_open_clip_csv)],
    "kohya": [Part("kohya", f"{{folder}}/kohya/{INDEX}", write_kohya)],
}
"""Every format and its files, in the order they are written."""


WITHOUT_PICTURES = ("pairs", "embeddings", "uids", "clip-retrieval")
"""Formats that are written from what is stored; for the others the pictures are read again from their source."""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A written file: its name in the manifest, absolute path or URI, number of rows, sha256 and size in bytes."""

    name: str
    uri: str
    rows: int
    sha256: str
    size: int


def write_export(request: ExportRequest) -> list[ExportedFile]:
    """Write a partition's files, each there whole or not at all; the same request gives the same bytes again.

    ConfigError where `out`, the data set's or the partition's name cannot be a folder, or a format is unknown.
    """
    require_formats(request.formats, request.out)
    return [_write(part, request) for name in request.formats for part in FORMATS[name]]


def require_formats(formats: Iterable[str], out: str) -> None:
    """Raise ConfigError unless all are known, and can be written there."""
    for name in formats:
        if name not in FORMATS:
            raise ConfigError(f"there is no export format {name!r}; {nearest(name, FORMATS)}")
        if local_path(out) is None and any(part.is_folder for part in FORMATS[name]):
            raise ConfigError(
                f"cannot write {name} to {out}: it is a folder of pictures, and a store takes some requests for each: "
                "export it to a folder, or take shard or images"
            )


def file_names(formats: Iterable[str]) -> tuple[str, ...]:
    """Name the files of some formats as ledger and manifest do."""
    return tuple(part.name for name in formats for part in FORMATS[name])


def formats_of(names: Iterable[str]) -> tuple[str, ...]:
    """Name the formats that files of these names are of."""
    there = set(names)
    return tuple(name for name, parts in FORMATS.items() if there.intersection(part.name for part in parts))


def files_are_there(files: Sequence[ExportRow]) -> bool:
    """Look whether the files of a committed export are all in place, whole by their size; False if there are none."""
    return bool(files) and sizes_at([file.uri for file in files]) == [file.size for file in files]


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


def require_out(out: str, formats: Iterable[str]) -> None:
    """Look whether what is going to be exported can be put there, before anything is worked on."""
    require_formats(formats, out)
    if local_path(out) is None:
        require_bucket(out)


def _checked(component: str) -> str:
    if not component or component.startswith(".") or any(mark in component for mark in "/\\\0"):
        raise ConfigError(f"{component!r} cannot name a folder of an export: expected a name without / or leading dot")
    return component


def _write(part: Part, request: ExportRequest) -> ExportedFile:
    rows: list[int] = []
    uri = f"{dataset_folder(request.out, request.dataset)}/{place_of(part, request)}"

    def write(path: Path) -> None:
        rows.append(part.write(path, request))

    facts = write_folder_durably(Path(uri), write) if part.is_folder else publish(uri, request.scratch, write)
    return ExportedFile(part.name, uri, rows[0], facts.sha256, facts.size)


def place_of(part: Part, request: ExportRequest) -> str:
    """Name a file below its data set's folder: in its export's own, or by a name that says whose it is."""
    _checked(request.partition)
    return part.place.format(folder=request.folder, alone=request.folder.replace("/", "-"))
