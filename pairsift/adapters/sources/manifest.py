"""Tables that point at image files: CSV, TSV, JSON lines or Parquet, cut into slices of rows."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pairsift.adapters.sources.delimited import numbers_in
from pairsift.adapters.sources.files import Content, SourceFile, path_component, read_file, storable
from pairsift.adapters.sources.pictures import Pictures, folder_of
from pairsift.adapters.sources.slices import bounds, cut_rows, each_file, file_of, known_slices, refuse_unlisted
from pairsift.adapters.sources.source import Format, Listing
from pairsift.adapters.sources.tables import DamagedRow, Row, columns_seen, is_delimited, is_table, read_table
from pairsift.config import IngestConfig
from pairsift.core.fingerprint import fingerprint
from pairsift.core.image_paths import RefusedPathError
from pairsift.core.records import Damage, PartitionSpec, ReadPair, SourcePair
from pairsift.core.source_columns import Columns, choose_columns, name_of
from pairsift.errors import ContainerDamagedError, SourceError

FORMAT = "manifest"


@dataclass(frozen=True, slots=True)
class Table:
    """One table as it is read: its columns, and where its images are looked for."""

    uri: str
    version: str
    columns: Columns
    pictures: Pictures
    source_columns: tuple[str, ...]

    @property
    def wanted(self) -> list[str]:
        """The columns that are needed of it, the caption's first."""
        made_of = (self.columns.caption, self.columns.image, self.columns.uid, self.columns.key)
        return list(dict.fromkeys([*(name for name in made_of if name), *self.source_columns]))


@dataclass(frozen=True, slots=True)
class Manifest:
    """Tables of one data set."""

    files: tuple[SourceFile, ...]
    why: str
    missing_days: tuple[date, ...] = ()
    format: str = FORMAT
    path_suffix: str = ""

    def partitions(self, known: Mapping[str, Sequence[str]], config: IngestConfig) -> list[PartitionSpec]:
        """Cut every table into slices of at most `partition_pairs` rows; a row stays in the slice that it came to.

        All rows are read for it: a slice is what its rows say, and the size and time of local images that they name.
        """
        return each_file(self.files, self.format, lambda file: self._cut(file, known, config))

    def _cut(self, file: SourceFile, known: Mapping[str, Sequence[str]], config: IngestConfig) -> list[PartitionSpec]:
        table = open_table(file, config, self.path_suffix)
        name = path_component(file.name)
        rows = (each for row in read_table(file.uri, file.version, table.wanted) for each in _digests(row, table))
        cut = cut_rows(name, rows, known_slices(name, known), config.partition_pairs)
        asked = config.columns.model_dump(exclude_none=True)
        return [
            PartitionSpec(part.key, file.uri, self.format, fingerprint([part.members, digest, asked]), part.members)
            for part, digest in cut
        ]


def open_table(file: SourceFile, config: IngestConfig, path_suffix: str = "") -> Table:
    """Find out how a table is read; SourceError where its columns are not clear, or hold the images themselves."""
    seen = columns_seen(file.uri)
    columns = choose_columns(file.uri, seen, config.columns, path_suffix)
    if columns.embedded:
        raise SourceError(f"{file.uri} holds images in {columns.image!r}, not paths: read it with --format parquet")
    pictures = Pictures(config.image_root or folder_of(file.uri))
    carried = tuple(name for name in config.source_columns if name in seen)
    return Table(file.uri, file.version, columns, pictures, carried)


def _digests(row: Row | DamagedRow, table: Table) -> Iterator[tuple[int, bytes]]:
    if isinstance(row, DamagedRow):
        for number in sorted({row.number, row.number + max(row.damage.lost_pairs - 1, 0)}):  # those between may be many
            yield number, row.damage.message.encode()
        return
    found = _picture(row, table)
    version = "" if found is None or isinstance(found, Damage) else table.pictures.version(found)
    yield row.number, hashlib.sha256(row.digest + version.encode()).digest()


def _picture(row: Row, table: Table) -> str | Damage | None:
    """Find a row's image; None where it names none, a damage where it may not be followed."""
    name = row.fields.get(table.columns.image)
    if not isinstance(name, str) or not name:
        return None
    try:
        return table.pictures.find(name)
    except RefusedPathError as error:
        return Damage(f"row {row.number} was refused: {error}", row.location.offset)


def read(spec: PartitionSpec, config: IngestConfig, path_suffix: str = "") -> Iterator[ReadPair | Damage]:
    """Read a slice's rows in order, one pair each; a row that cannot be read, or names a file elsewhere, is damage.

    SourceChangedError where the table is gone, ContainerDamagedError where its columns are no longer clear.
    """
    file = file_of(spec)
    try:
        table = open_table(file, config, path_suffix)
    except SourceError as error:
        raise ContainerDamagedError(str(error)) from error
    refuse_unlisted(spec)
    for row in read_table(file.uri, file.version, table.wanted, *bounds(spec.members)):
        yield row.damage if isinstance(row, DamagedRow) else _pair(row, table)


def _pair(row: Row, table: Table) -> ReadPair | Damage:
    found = _picture(row, table)
    if isinstance(found, Damage):
        return found
    image = Content() if found is None else read_file(found)
    caption = caption_bytes(row.fields.get(table.columns.caption))
    key = _name(row, table.columns.key) or _name(row, table.columns.image) or str(row.number)
    uid = _name(row, table.columns.uid)
    said = ((name, row.fields.get(name)) for name in table.source_columns)
    return ReadPair(
        SourcePair(
            key=storable(key),
            image=image.location,
            caption=None if caption is None else row.location,
            source_uid=None if uid is None else storable(uid),
        ),
        image.data,
        caption,
        {name: numbers_in(value) if is_delimited(table.uri) else value for name, value in said},
        image.sha256,
    )


def _name(row: Row, column: str | None) -> str | None:
    return None if column is None else name_of(row.fields.get(column))


def caption_bytes(said: object) -> bytes | None:
    """Take a caption as the bytes that it came in; None for what is no text."""
    if not isinstance(said, str):
        return None
    try:
        return said.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate, written as an escape
        return said.encode(errors="surrogatepass")


def _open(listing: Listing, config: IngestConfig) -> Manifest:
    return Manifest(tuple(listing.files), tell_columns(listing, config), listing.missing_days)


def tell_columns(listing: Listing, config: IngestConfig, path_suffix: str = "") -> str:
    """Say which columns are read of the first table that can be; SourceError where none can."""
    faults: list[Exception] = []
    for file in listing.files:
        try:
            columns = open_table(file, config, path_suffix).columns
        except (SourceError, ContainerDamagedError) as error:
            faults.append(error)
        else:
            return f"{listing.why}: images by {columns.image!r}, captions by {columns.caption!r}"
    raise SourceError(str(faults[0])) from faults[0]


MANIFEST = Format("table(s) of image paths", is_table, _open, read)
