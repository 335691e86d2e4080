"""Parquet files with the images in them: img2dataset's `jpg` column, Hugging Face's image struct {bytes, path}."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pairsift.adapters.sources.files import SourceFile, look_at, path_component, storable
from pairsift.adapters.sources.parquet_cells import (
    Rows,
    as_bytes,
    as_values,
    cell_location,
    columns_of,
    paths_of,
    read_rows,
)
from pairsift.adapters.sources.source import Format, Listing, refuse_twins
from pairsift.config import IngestConfig
from pairsift.core.fingerprint import fingerprint
from pairsift.core.records import Damage, Location, PartitionSpec, ReadPair, SourcePair
from pairsift.core.source_columns import Columns, choose_columns, name_of
from pairsift.errors import ContainerDamagedError, SourceChangedError, SourceError

FORMAT = "parquet"
_STATUS = "status"
_FAILED = "failed"
"""img2dataset's `failed_to_download` and `failed_to_resize`: rows of URLs that gave no image, and no pairs."""


@dataclass(frozen=True, slots=True)
class ParquetFiles:
    """Parquet files of one data set; each is a partition."""

    files: tuple[SourceFile, ...]
    why: str
    missing_days: tuple[date, ...] = ()
    format: str = FORMAT

    def partitions(self, known: Mapping[str, Sequence[str]], config: IngestConfig) -> list[PartitionSpec]:  # noqa: ARG002 - files are not cut
        """Make one partition of every file; its key is the file's path below the source's base, without `.parquet`."""
        return refuse_twins([_spec(file, config) for file in self.files])


def is_parquet(name: str) -> bool:
    """Say whether a file name ends like a Parquet file's."""
    return name.lower().endswith(".parquet")


def _open(listing: Listing, _: IngestConfig) -> ParquetFiles:
    return ParquetFiles(tuple(listing.files), listing.why, listing.missing_days)


def _spec(file: SourceFile, config: IngestConfig) -> PartitionSpec:
    key = path_component(file.name[: -len(".parquet")])
    return PartitionSpec(key, file.uri, FORMAT, _identity(key, file, config))


def _identity(key: str, file: SourceFile, config: IngestConfig) -> str:
    asked = config.columns.model_dump(exclude_none=True)
    return fingerprint([[key, file.size, file.version], *([asked] if asked else [])])


def identify_now(spec: PartitionSpec, config: IngestConfig) -> str:
    """Identify a file as it is now; as it was listed where it is gone, which reading it will tell."""
    file = look_at(spec.uri)
    return spec.input_fingerprint if file is None else _identity(spec.key, file, config)


def read(spec: PartitionSpec, config: IngestConfig) -> Iterator[ReadPair | Damage]:
    """Read a file's rows in order, some at a time; a damage costs the rest of its row group.

    ContainerDamagedError where no row is readable, SourceChangedError where the file is gone.
    """
    damage = None
    pairs = 0
    try:
        for found in _read(spec.uri, config):
            damage = found if isinstance(found, Damage) else damage
            pairs += isinstance(found, ReadPair)
            yield found
    except FileNotFoundError as error:
        raise SourceChangedError(f"{spec.uri} is gone since the source was listed: run again") from error
    except SourceError as error:  # the columns: other files of the source may have others
        raise ContainerDamagedError(str(error)) from error
    if damage is not None and not pairs:
        raise ContainerDamagedError(f"{spec.uri}: no pair is readable: {damage.message}")


def _read(uri: str, config: IngestConfig) -> Iterator[ReadPair | Damage]:
    seen = columns_of(uri)
    chosen = choose_columns(uri, seen, config.columns)
    if not chosen.embedded:
        raise SourceError(f"{uri} holds paths of images in {chosen.image!r}, not images: read it as a manifest")
    named = (chosen.image, chosen.caption, chosen.uid, chosen.key, _STATUS, *config.source_columns)
    for rows in read_rows(uri, list(dict.fromkeys(name for name in named if name is not None and name in seen))):
        if isinstance(rows, Damage):
            yield rows
        else:
            yield from _pairs(uri, rows, chosen, config)


def _pairs(uri: str, rows: Rows, chosen: Columns, config: IngestConfig) -> Iterator[ReadPair]:
    captions = as_bytes(rows.columns[chosen.caption])
    uids, keys, status = (_values(rows, name) for name in (chosen.uid, chosen.key, _STATUS))
    paths = paths_of(rows.columns[chosen.image])
    fields = {name: _values(rows, name) for name in config.source_columns if name in rows.columns}
    for n, image in enumerate(as_bytes(rows.columns[chosen.image])):
        if image is None and str(status[n]).startswith(_FAILED):
            continue
        pair = SourcePair(
            key=storable(name_of(keys[n]) or name_of(paths[n]) or str(rows.number + n)),
            image=_location(uri, rows, n, chosen.image, image),
            caption=_location(uri, rows, n, chosen.caption, captions[n]),
            source_uid=_storable(name_of(uids[n])),
        )
        yield ReadPair(pair, image, captions[n], {name: values[n] for name, values in fields.items()})


def _values(rows: Rows, name: str | None) -> list[object]:
    return as_values(rows.columns[name]) if name is not None and name in rows.columns else [None] * len(rows)


def _location(uri: str, rows: Rows, n: int, column: str, data: bytes | None) -> Location | None:
    return None if data is None else cell_location(uri, rows, n, column, len(data))


def _storable(name: str | None) -> str | None:
    return None if name is None else storable(name)


PARQUET = Format("Parquet file(s) with images", is_parquet, _open, read, identify_now)
