"""Finds what is to be taken down, by what it is called, and every file that holds it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from markupsafe import escape
from sqlalchemy import Engine

from pairsift.adapters.published import bytes_at, sizes_at
from pairsift.adapters.releases import list_of
from pairsift.adapters.store.releases import ReleaseRow, files_of_release, list_releases
from pairsift.adapters.store.takedowns import FoundPair, Journal, Subject, copies_named, find_key, find_rows, labels_of
from pairsift.adapters.store.withdrawing import exports_of_attempts
from pairsift.core.forgetting import FORGOTTEN_UID
from pairsift.core.image_files import image_format
from pairsift.errors import ConfigError

_UID, _SHA256 = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class ListedRelease:
    """A release, and where its list of pairs lies now."""

    release: ReleaseRow
    uri: str


@dataclass(frozen=True, slots=True)
class Holding:
    """The files that hold what is looked for, and how many of each kind were read."""

    chunks: list[Path] = field(default_factory=list)
    calibrations: list[Path] = field(default_factory=list)
    candidates: list[Path] = field(default_factory=list)
    releases: list[ListedRelease] = field(default_factory=list)
    reports: list[Path] = field(default_factory=list)
    searched: dict[str, int] = field(default_factory=dict)


def resolve(engine: Engine, names: Sequence[str], journal: Journal) -> Subject:
    """Turn uids, keys, images' sha256s and files into what is taken down, with what takedowns under way still look for.

    A picture file stands for all pairs with that picture; any other file is a list, one name a line. ConfigError where
    a key is not known, or stands for several pairs.
    """
    subject = journal.subject
    for name in names:
        of_name = _of_file(engine, Path(name), journal) if _is_file(name) else _named(engine, name, journal)
        subject = subject.joined(of_name)
    return known_as(subject, find_rows(engine, subject))


def known_as(subject: Subject, rows: Sequence[FoundPair]) -> Subject:
    """Add what the pairs of some rows are called."""
    uids, keys = {row.uid for row in rows}, {row.key for row in rows}
    return subject.joined(Subject(tuple(uids), (), tuple(keys), tuple({row.place for row in rows})))


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def _of_file(engine: Engine, path: Path, journal: Journal) -> Subject:
    data = path.read_bytes()
    if image_format(data) is not None:
        return Subject(images=(hashlib.sha256(data).hexdigest(),))
    try:
        lines = [line.strip() for line in data.decode().splitlines()]
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is neither a picture nor a list of uids, keys and sha256s: {error}") from error
    subject = Subject()
    for line in filter(None, lines):
        subject = subject.joined(_named(engine, line, journal))
    return subject


def _named(engine: Engine, name: str, journal: Journal) -> Subject:
    """Tell what a uid, an image's sha256 or a key stands for; the first two need not be known."""
    if _SHA256.fullmatch(name.lower()):
        return Subject(images=(name.lower(),))
    rows = [row for row in find_key(engine, name) if row.uid != FORGOTTEN_UID]
    if _UID.fullmatch(name.lower()) and not rows and name.lower() != FORGOTTEN_UID:
        return Subject(uids=(name.lower(),))
    under_way = (*journal.subject.keys, *journal.subject.names)
    if not rows and not any(name == known or name.endswith(f"/{known}") for known in under_way):
        raise ConfigError(
            f"no pair has the key {name!r}: give its uid or its image's sha256 to keep out what has not been read yet"
        )
    places = sorted({f"{row.dataset}/{row.place}" for row in rows})
    uids = {row.uid for row in rows}
    if len(places) > 1 and len(uids) > 1:
        shown = ", ".join(places[:EXAMPLES])
        raise ConfigError(f"the key {name!r} stands for {len(uids)} pairs ({shown}): give one as DATASET/PARTITION/KEY")
    return Subject(uids=tuple(uids))


def holding(engine: Engine, storage: Path, subject: Subject) -> Holding:
    """Read the uids in every chunk, calibration and release's list, and the pages of reports."""
    found = Holding()
    uids, images = pa.array(subject.uids, pa.string()), pa.array(subject.images, pa.string())
    for kind, paths in _measured(storage).items():
        for path in paths:
            found.searched[kind] = found.searched.get(kind, 0) + 1
            if _holds(path, "uid", uids) or (kind != "chunks" and _holds(path, "image_sha256", images)):
                getattr(found, kind).append(path)
    lists = [ListedRelease(row, list_of(engine, row)) for row in list_releases(engine)]
    raw = pa.array([bytes.fromhex(uid) for uid in subject.uids], pa.binary(16))
    found.releases.extend(each for each in lists if _lists(each.uri, raw))
    pages = sorted((storage / "reports").rglob("*.html"))
    found.reports.extend(path for path in pages if _shows(path, subject))
    found.searched.update({"releases": len(lists), "reports": len(pages)})
    return found


def _measured(storage: Path) -> dict[str, list[Path]]:
    calibrations = storage / "calibrations"
    return {
        "chunks": sorted((storage / "chunks").glob("*/*.parquet")),
        "calibrations": sorted(calibrations.glob("*.parquet")),
        "candidates": sorted((calibrations / "candidates").rglob("*.parquet")),
    }


def _holds(path: Path, column: str, wanted: pa.Array) -> bool:
    """Say whether a column of a file has one of some values; a file that cannot be read has what is in it, too."""
    if not len(wanted):
        return False
    try:
        values = pq.read_table(path, columns=[column])[column]
    except FileNotFoundError:
        return False
    except (OSError, pa.ArrowException):
        return True
    return bool(pc.any(pc.is_in(values, wanted)).as_py())


def _lists(uri: str, wanted: pa.Array) -> bool:
    data = bytes_at(uri)
    if data is None:
        return False
    return bool(pc.any(pc.is_in(pq.read_table(pa.BufferReader(data), columns=["uid"])["uid"], wanted)).as_py())


def _shows(path: Path, subject: Subject) -> bool:
    """Say whether a report shows a pair: a card has the key as text of its own; one that is spelt out may be any."""
    names = {*subject.keys, *subject.names}
    if not all(name.isprintable() for name in names):
        return True
    page = path.read_text(encoding="utf-8", errors="replace")
    return any(f"<bdi>{escape(name)}</bdi>" in page for name in names)


@dataclass(frozen=True, slots=True)
class Found:
    """Where pairs are: how many rows and files of each kind, of how many that were looked at."""

    pairs: Sequence[str]
    counts: Mapping[str, int]
    searched: Mapping[str, int]
    releases: Sequence[str]


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found."""

    rows: Sequence[FoundPair]
    files: Holding
    exports: Sequence[str]
    copies: int
    labels: int
    releases: Sequence[str]

    @property
    def told(self) -> Found:
        """Sum it up."""
        counts = {
            "rows of pairs": len(self.rows),
            "decisions on copies of them": self.copies,
            "labels": self.labels,
            "chunk files": len(self.files.chunks),
            "exported files": len(self.exports),
            "calibrations": len(self.files.calibrations),
            "candidates for calibrations": len(self.files.candidates),
            "reports": len(self.files.reports),
            "lists of releases": len(self.files.releases),
        }
        pairs = sorted({f"{row.dataset}/{row.place}" for row in self.rows})
        return Found(pairs, counts, self.files.searched, self.releases)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not any(self.told.counts.values())


def search(engine: Engine, storage: Path, subject: Subject, doomed: Sequence[str]) -> Search:
    """Look for pairs in the store and in files; `doomed` are files that are to go, as far as they are still there."""
    rows = find_rows(engine, subject)
    files = holding(engine, storage, subject)
    exports = sorted({*exports_of_attempts(engine, {row.attempt_id for row in rows}), *_there(storage, doomed)})
    affected = {each.release.name for each in files.releases}
    for release in list_releases(engine):
        held = {file.current[0] for file in files_of_release(engine, release.id) if file.current is not None}
        affected |= {release.name} if held.intersection(exports) else set()
    told = (copies_named(engine, subject), labels_of(engine, subject))
    return Search(rows, files, exports, *told, sorted(affected))


def _there(storage: Path, doomed: Sequence[str]) -> list[str]:
    """Name those files that are to go and are still there."""
    sizes = sizes_at([located(storage, uri) for uri in doomed])
    return [uri for uri, size in zip(doomed, sizes, strict=True) if size is not None]


def located(storage: Path, uri: str) -> str:
    """Locate a file: chunks are named below the storage."""
    return uri if "://" in uri or uri.startswith("/") else str(storage / uri)
