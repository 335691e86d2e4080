"""`images.parquet`: the kept pairs with their pictures' original bytes, as Hugging Face's `datasets` shows them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from pairsift.adapters.chunks import parquet_writer
from pairsift.adapters.exports.pairs import SCORES
from pairsift.adapters.exports.request import ExportRequest
from pairsift.adapters.exports.rows import ROW_GROUP_ROWS
from pairsift.adapters.exports.samples import Picture, Sample, picture_of, sample_table, samples

ROW_GROUP_BYTES = 32 << 20
"""Pictures in one row group, and so in memory; the Hub's viewer wants at most 100 MB, and reads 286 MiB at most."""

PAGE_PICTURES = 16
"""Pictures in one page at least: whoever reads one holds the page's some times over."""

_NAMES = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64"}

_COLUMNS = [("text", pa.string()), ("uid", pa.string()), ("key", pa.string()), *SCORES, ("multiplicity", pa.int64())]
_FEATURES = {"image": {"_type": "Image"}} | {
    name: {"dtype": _NAMES[type_], "_type": "Value"} for name, type_ in _COLUMNS
}

SCHEMA = pa.schema(
    [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), *_COLUMNS],
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)


def write_images(path: Path, request: ExportRequest) -> int:
    """Write one row a kept pair, in the partition's order; return the number of rows.

    A pair of multiplicity m is one row that says so. SourceChangedError where an image is not what it was when it was
    ingested.
    """
    rows = 0
    with parquet_writer(path, SCHEMA, PAGE_PICTURES) as writer:
        for group in _row_groups(samples(request)):
            writer.write_table(_to_table(group), row_group_size=len(group))
            rows += len(group)
    return rows


def _row_groups(kept: Iterable[Sample]) -> Iterator[list[tuple[Sample, Picture | None]]]:
    """Cut by rows and bytes alone, never by chunks; a larger picture is a group by itself."""
    group: list[tuple[Sample, Picture | None]] = []
    size = 0
    for sample in kept:
        picture = picture_of(sample.pair)
        added = 0 if picture is None else len(picture.data)
        if len(group) == ROW_GROUP_ROWS or (group and size + added > ROW_GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append((sample, picture))
        size += added
    if group:
        yield group


def _to_table(group: Sequence[tuple[Sample, Picture | None]]) -> pa.Table:
    return sample_table(SCHEMA, [_file(*each) for each in group], [sample for sample, _ in group])


def _file(sample: Sample, picture: Picture | None) -> dict[str, bytes | str] | None:
    return None if picture is None else {"bytes": picture.data, "path": f"{sample.name}.{picture.suffix}"}
