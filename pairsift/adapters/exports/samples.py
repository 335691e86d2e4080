"""Kept pairs as the files of a trainer's data set: a safe name each, its picture, its caption."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pairsift.adapters.exports.pairs import score_columns
from pairsift.adapters.exports.request import ExportBatch, ExportRequest
from pairsift.adapters.sources.reading import read_image
from pairsift.core.image_files import image_format
from pairsift.core.records import IngestedPair

_SAFE_KEY = re.compile(r"(?![0-9a-fA-F]{32}-[0-9]{8})[A-Za-z0-9_-]{1,90}")
"""Keys without a dot (WebDataset splits there), a folder, or anything else that a path may choke on; and none that
looks like the name that another pair is given in place of such a key."""

_SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif", "AVIF": "avif"}


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A kept pair, the `n`th of its batch; no other sample of the partition has its name."""

    name: str
    batch: ExportBatch
    n: int

    @property
    def pair(self) -> IngestedPair:
        """The pair as it was ingested."""
        return self.batch.pairs[self.n]

    @property
    def caption(self) -> str | None:
        """The caption as it was scored: cleaned."""
        return self.batch.chunk.captions[self.n]

    @property
    def multiplicity(self) -> int:
        """How often a trainer is to see it."""
        return self.batch.decisions[self.n].multiplicity

    def names(self) -> Iterator[str]:
        """Name it as often as it is to be there."""
        yield self.name
        for again in range(1, self.multiplicity):
            yield f"{own_name(self.pair)}-{again}"


def sample_table(schema: pa.Schema, first: Sequence[object], group: Sequence[Sample]) -> pa.Table:
    """Make the rows of kept pairs: a first column of the format's own, then what every such format says of a pair."""
    columns = [
        first,
        [sample.caption for sample in group],
        [sample.pair.uid for sample in group],
        [sample.pair.key for sample in group],
        *score_columns((sample.batch, sample.n) for sample in group),
        [sample.multiplicity for sample in group],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


@dataclass(frozen=True, slots=True)
class Picture:
    """The original bytes of a picture, and the suffix that its format goes by."""

    data: bytes
    suffix: str


def samples(request: ExportRequest) -> Iterator[Sample]:
    """Name the kept pairs, in the partition's order: by the key where it is safe and not taken, else by the uid.

    Names that differ in case only are one name where a file system takes them for one.
    """
    taken: set[str] = set()
    for batch in request.batches():
        for n in batch.kept():
            key = batch.pairs[n].key
            is_good = _SAFE_KEY.fullmatch(key) and key.lower() not in taken
            name = key if is_good else own_name(batch.pairs[n])
            taken.add(name.lower())
            yield Sample(name, batch, n)


def own_name(pair: IngestedPair) -> str:
    """Name a pair by uid and ordinal: safe, and no other pair's."""
    return f"{pair.uid}-{pair.ordinal:08d}"


def picture_of(pair: IngestedPair) -> Picture | None:
    """Read a pair's picture again; SourceChangedError where it is not what it was when it was ingested."""
    data = read_image(pair)
    return None if data is None else Picture(data, _SUFFIXES.get(image_format(data) or "", "bin"))
