"""Exports that are folders of pictures: there whole or not at all, with a list of their files and digests."""

import csv
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pairsift.adapters.confined import place_below
from pairsift.adapters.durable import file_facts
from pairsift.adapters.exports.request import ExportRequest
from pairsift.adapters.exports.samples import Picture, Sample, picture_of, samples

INDEX = "files.sha256"
"""The folder's list, as `sha256sum --check` takes it; it is what ledger and manifest know of the folder."""

TAKEN_FOR_MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"}
    | {"NULL", "NaN", "None", "n/a", "nan", "null"}
)
"""What pandas, by which open_clip reads its CSV, takes for no caption at all, quoted or not."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that is being filled, and its list."""

    path: Path
    index: TextIO

    def write(self, name: str, data: bytes) -> None:
        """Write a file, and enter it in the list."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.enter(name, hashlib.sha256(data).hexdigest())

    def enter(self, name: str, sha256: str) -> None:
        """Enter a file in the list."""
        self.index.write(f"{sha256}  {name}\n")


def write_open_clip_csv(path: Path, request: ExportRequest) -> int:
    """Write pictures and `pairs.csv` with their paths below the data set's folder; return the number of its rows.

    A pair of multiplicity m is m rows. SourceChangedError where an image is not what it was when it was ingested.
    """
    rows = 0
    table = path / "pairs.csv"
    with _filled(path) as folder, table.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_ALL)
        lines.writerow(["filepath", "title"])
        for sample, picture in _with_pictures(request):
            name = f"images/{sample.name}.{picture.suffix}"
            folder.write(name, picture.data)
            row = [f"{request.folder}/open-clip-csv/{name}", as_title(sample.caption or "")]
            lines.writerows([row] * sample.multiplicity)
            rows += sample.multiplicity
        file.flush()
        folder.enter(table.name, file_facts(table).sha256)
    return rows


def as_title(caption: str) -> str:
    """Write a caption so that open_clip reads it: one that pandas takes for missing gets a space, which is not read."""
    return f"{caption} " if caption in TAKEN_FOR_MISSING else caption


def write_kohya(path: Path, request: ExportRequest) -> int:
    """Write a picture and a caption file a pair, in a folder for each multiplicity; return the number of pairs.

    `3_pairs` is a folder of what kohya's scripts repeat three times. They read a caption's first line, so it is one
    line. SourceChangedError where an image is not what it was when it was ingested.
    """
    rows = 0
    with _filled(path) as folder:
        for sample, picture in _with_pictures(request):
            stem = f"{sample.multiplicity}_pairs/{sample.name}"
            folder.write(f"{stem}.{picture.suffix}", picture.data)
            folder.write(f"{stem}.txt", " ".join((sample.caption or "").split()).encode())
            rows += 1
    return rows


def damaged_files(index: Path) -> Iterator[Path]:
    """Find the files of a folder that are gone, or are no longer what its list says."""
    with index.open(encoding="ascii") as lines:
        for line in lines:
            sha256, _, name = line.rstrip("\n").partition("  ")
            path = place_below(index.parent, name)
            if not path.is_file() or file_facts(path).sha256 != sha256:
                yield path


@contextmanager
def _filled(path: Path) -> Iterator[_Folder]:
    path.mkdir()
    with (path / INDEX).open("w", encoding="ascii") as index:
        yield _Folder(path, index)


def _with_pictures(request: ExportRequest) -> Iterator[tuple[Sample, Picture]]:
    for sample in samples(request):
        picture = picture_of(sample.pair)
        if picture is not None:
            yield sample, picture
