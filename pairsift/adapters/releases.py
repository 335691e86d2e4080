"""Makes releases: what a data set shows, and the files of it, under a name that never stands for anything else."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine

from pairsift.adapters.chunks import parquet_writer
from pairsift.adapters.durable import file_facts, make_folder
from pairsift.adapters.exports import dataset_folder, files_are_there, out_folder
from pairsift.adapters.published import bytes_at, publish
from pairsift.adapters.sources.files import path_component
from pairsift.adapters.store.decisions import find_dataset
from pairsift.adapters.store.registry import dataset_names
from pairsift.adapters.store.releases import (
    Releasable,
    ReleasablePartition,
    ReleaseFileRow,
    ReleaseRow,
    calibration_files,
    clock,
    enter_release,
    files_of_release,
    find_release,
    kept_of,
    models_of,
    releasable,
)
from pairsift.core.fingerprint import fingerprint
from pairsift.core.releases import (
    ReleasedFile,
    ReleasedPairs,
    ReleasedPartition,
    release_content,
    release_text,
)
from pairsift.errors import Busy, ConfigError

RELEASES = "releases"
"""Folder of a data set's releases, beside its partitions' folders."""
PAIRS = pa.schema([("partition", pa.dictionary(pa.int32(), pa.string())), ("uid", pa.binary(16)), ("seen", pa.int32())])

Advance = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be released: a data set, and the output that its files lie at; by default the only one, exports/."""

    name: str
    dataset: str | None = None
    out: str = ""


@dataclass(frozen=True, slots=True)
class Released:
    """A release, and whether it was `made` now; `left` are partitions that were never committed."""

    release: str
    dataset: str
    sha256: str
    manifest: str
    made: bool
    partitions: int
    files: int
    pairs: int
    samples: int


def make_release(engine: Engine, storage: Path, asked: Asked, advance: Advance) -> Released:
    """Name what a data set shows and the files of it, once and for all; the same again is told, and changes nothing.

    ConfigError where the name stands for something else, nothing is committed, or files are not there; Busy where a
    run commits meanwhile.
    """
    if asked.name != path_component(asked.name):
        raise ConfigError(f"a release cannot be called {asked.name!r}: letters, digits, and _ . - ~ are expected")
    dataset = asked.dataset or _only_dataset(engine)
    out = out_folder(asked.out or str(storage / "exports"))
    with _gathered(engine, storage, dataset, out, advance) as found:
        known = find_release(engine, asked.name)
        if known is not None and known.sha256 != fingerprint(found.content):
            raise ConfigError(
                f"release {asked.name!r} stands for something else ({known.dataset}, made {known.created_at:%Y-%m-%d}, "
                f"sha256 {known.sha256[:12]}…), and a release is never changed: give another name"
            )
        _refuse_strangers(asked.name, found, known)
        row = known or _row(engine, asked.name, found)
        found.write(row, storage / "scratch")
        if known is None and not enter_release(engine, row, found.of, found.pairs_file(row)):
            raise Busy(f"{dataset} was committed or decided anew meanwhile: give the same command again")
        return _told(row, found, made=known is None)


@dataclass(frozen=True)
class _Gathered:
    """What a release is to be made of, and the file of its pairs in scratch."""

    dataset: str
    folder: str
    of: Releasable
    content: dict[str, Any]
    pairs: Path

    def pairs_file(self, row: ReleaseRow) -> ReleaseFileRow:
        """Tell where the list of pairs lies, and its sha256."""
        return ReleaseFileRow(pairs_uri(row), self.content["pairs"]["sha256"])

    def write(self, row: ReleaseRow, scratch: Path) -> None:
        """Write the list of pairs, then the manifest; what is there already is these very bytes, or unfinished."""
        publish(pairs_uri(row), scratch, lambda path: shutil.copyfile(self.pairs, path))
        publish(manifest_uri(row), scratch, lambda path: path.write_text(row.manifest, encoding="utf-8"))


@contextmanager
def _gathered(engine: Engine, storage: Path, dataset: str, out: str, advance: Advance) -> Iterator[_Gathered]:
    of = releasable(engine, find_dataset(engine, dataset), out)
    _require_files(dataset, of)
    folder = dataset_folder(out, dataset)
    make_folder(storage / "scratch")
    with TemporaryDirectory(dir=storage / "scratch") as scratch:
        path = Path(scratch, "pairs.parquet")
        pairs = _write_pairs(path, engine, of.parts, advance)
        models = models_of(engine, [part.attempt_id for part in of.parts])
        released = [_described(part, models[part.attempt_id], folder) for part in of.parts]
        content = release_content(dataset, released, calibration_files(engine), pairs)
        yield _Gathered(dataset, folder, of, content, path)


def _only_dataset(engine: Engine) -> str:
    names = dataset_names(engine)
    if len(names) != 1:
        raise ConfigError(f"say which data set is released, by --dataset: there are {', '.join(names) or 'none'}")
    return names[0]


def _require_files(dataset: str, of: Releasable) -> None:
    if not of.parts:
        raise ConfigError("no partition of this data set is committed yet: `pairsift status` shows how far they are")
    missing = [part.key for part in of.parts if not files_are_there(part.files)]
    if missing:
        raise ConfigError(
            f"the files of {len(missing)} partitions, the first {missing[0]!r}, are not at {of.out_uri} as they are "
            f"shown now: `pairsift export {dataset}` writes them"
        )


def _write_pairs(path: Path, engine: Engine, parts: Sequence[ReleasablePartition], advance: Advance) -> ReleasedPairs:
    """Write the kept pairs, a row group a partition, in the order of partitions' keys and of their exports."""
    rows = samples = 0
    with parquet_writer(path, PAIRS) as writer:
        for part in sorted(parts, key=lambda part: part.key):
            kept = kept_of(engine, part.attempt_id, part.decision_set_id)
            rows += len(kept)
            samples += sum(seen for _, seen in kept)
            if kept:
                writer.write_table(_table([(part.key, bytes.fromhex(uid), seen) for uid, seen in kept]))
            advance()
    return ReleasedPairs(rows, samples, file_facts(path).sha256)


def _table(rows: Iterable[tuple[str, bytes, int]]) -> pa.Table:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(list(column), field.type) for column, field in zip(columns, PAIRS, strict=True)]
    return pa.table(arrays, schema=PAIRS)


def _described(part: ReleasablePartition, models: dict[str, str], folder: str) -> ReleasedPartition:
    files = [
        ReleasedFile(file.name, file.uri.removeprefix(f"{folder}/"), file.rows, file.sha256, file.size)
        for file in part.files
    ]
    return ReleasedPartition(
        key=part.key,
        source=part.uri,
        input_fingerprint=part.input_fingerprint,
        score_fingerprint=part.score_fingerprint,
        basis=part.basis,
        policy=part.policy,
        pairs=dict(zip(("read", "kept", "dropped", "quarantined"), part.pairs, strict=True)),
        models=models,
        files=files,
    )


def _row(engine: Engine, name: str, found: _Gathered) -> ReleaseRow:
    made_at = clock(engine)
    text = release_text(name, found.content, {part.key: part.uri for part in found.of.parts}, made_at)
    sha256 = fingerprint(found.content)
    return ReleaseRow(0, name, found.dataset, sha256, f"{found.folder}/{RELEASES}", text, made_at)


def _refuse_strangers(name: str, found: _Gathered, known: ReleaseRow | None) -> None:
    """Refuse (ConfigError) to write over a release that another database made at this place."""
    uri = f"{found.folder}/{RELEASES}/{name}.json"
    there = None if known is not None else bytes_at(uri)
    if there is not None and json.loads(there)["sha256"] != fingerprint(found.content):
        raise ConfigError(f"{uri} is another release, and this database does not know it: give another name")


def _told(row: ReleaseRow, found: _Gathered, *, made: bool) -> Released:
    pairs = found.content["pairs"]
    files = sum(len(part.files) for part in found.of.parts)
    counts = (len(found.of.parts), files, pairs["rows"], pairs["samples"])
    return Released(row.name, found.dataset, row.sha256, manifest_uri(row), made, *counts)


def manifest_uri(row: ReleaseRow) -> str:
    """Name a release's manifest."""
    return f"{row.folder}/{row.name}.json"


def pairs_uri(row: ReleaseRow) -> str:
    """Name the list of a release's pairs."""
    return f"{row.folder}/{row.name}.pairs.parquet"


def list_of(engine: Engine, row: ReleaseRow) -> str:
    """Tell where the list of a release's pairs lies since some were withdrawn."""
    uri = pairs_uri(row)
    (current,) = (file.current for file in files_of_release(engine, row.id) if file.uri == uri)
    return uri if current is None else current[0]
