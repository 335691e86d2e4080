"""Proves that the files of a release are as they were, and tells two releases apart."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine

from pairsift.adapters.exports import INDEX, damaged_files
from pairsift.adapters.published import bytes_at, facts_at
from pairsift.adapters.releases import list_of, manifest_uri
from pairsift.adapters.store.releases import (
    ReleaseFileRow,
    ReleaseRow,
    decided_in,
    files_of_release,
    list_releases,
    require_release,
)
from pairsift.adapters.store.tombstones import load_tombstones
from pairsift.core.forgetting import is_forgotten
from pairsift.core.records import Reason
from pairsift.core.releases import changed_partitions, differing
from pairsift.errors import ConfigError

EXAMPLES = 3


def tell_releases(engine: Engine) -> list[dict[str, Any]]:
    """Tell of all releases what they are, the oldest first."""
    told = []
    for row in list_releases(engine):
        content = json.loads(row.manifest)["content"]
        named = {"release": row.name, "dataset": row.dataset, "made_at": row.created_at, "sha256": row.sha256}
        told.append({**named, "partitions": len(content["partitions"]), "pairs": content["pairs"]["rows"]})
    return told


def tell_release(engine: Engine, name: str) -> dict[str, Any]:
    """Tell of a release its manifest, where that lies, and which files are others since pairs were withdrawn."""
    row = require_release(engine, name)
    withdrawn = [asdict(file) for file in files_of_release(engine, row.id) if file.withdrawn_at is not None]
    return {"manifest": manifest_uri(row), **json.loads(row.manifest), "withdrawn": withdrawn}


@dataclass(frozen=True, slots=True)
class Verified:
    """How many files of a release were read, how many are others since pairs were withdrawn, and what is wrong."""

    release: str
    sha256: str
    files: int
    withdrawn: int
    problems: list[dict[str, str]]


def verify_release(engine: Engine, name: str) -> Verified:
    """Read every file of a release and hold it against the sha256 that it had, or got when pairs were withdrawn."""
    row = require_release(engine, name)
    files = files_of_release(engine, row.id)
    manifest = bytes_at(manifest_uri(row))
    problems = [] if manifest == row.manifest.encode() else [_problem(manifest_uri(row), manifest is None)]
    problems += [problem for file in files for problem in _faults(file)]
    withdrawn = sum(file.withdrawn_at is not None for file in files)
    return Verified(row.name, row.sha256, len(files) + 1, withdrawn, problems)


def _faults(file: ReleaseFileRow) -> Iterator[dict[str, str]]:
    if file.current is None:
        return
    uri, sha256 = file.current
    facts = facts_at(uri)
    if facts is None or facts.sha256 != sha256:
        yield _problem(uri, facts is None)
    elif uri.endswith(f"/{INDEX}"):
        yield from (_problem(str(path), not path.is_file()) for path in damaged_files(Path(uri)))


def _problem(where: str, gone: bool) -> dict[str, str]:
    return {"problem": "the file is gone" if gone else "the file's bytes have changed", "where": where}


@dataclass(frozen=True, slots=True)
class Moved:
    """How many pairs only one of two releases has, and by reason how many and the keys of the first."""

    count: int
    reasons: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ReleaseDifference:
    """What pairs `entered` with the second release and `left` with it, and in what else the two differ."""

    a: str
    b: str
    pairs: dict[str, int]
    entered: Moved
    left: Moved
    seen_otherwise: int
    partitions: dict[str, list[str]]
    other: dict[str, dict[str, list[str]]]


def diff_releases(engine: Engine, one: str, other: str) -> ReleaseDifference:
    """Tell which pairs only one of two releases has, and what the other one's decisions said of them, where known."""
    a, b = require_release(engine, one), require_release(engine, other)
    before, after = _Listed.read(engine, a), _Listed.read(engine, b)
    contents = [json.loads(row.manifest)["content"] for row in (a, b)]
    places = np.isin(before.uids, after.uids, assume_unique=True), np.isin(after.uids, before.uids, assume_unique=True)
    common = before.seen[places[0]] != after.seen[places[1]]
    return ReleaseDifference(
        a=one,
        b=other,
        pairs={"a": len(before.uids), "b": len(after.uids)},
        entered=_moved(engine, a, after.uids[~places[1]], "not_read_before"),
        left=_moved(engine, b, before.uids[~places[0]], "not_read_any_more"),
        seen_otherwise=int(np.count_nonzero(common)),
        partitions=changed_partitions(*contents),
        other=differing(*contents),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Listed:
    """The pairs of a release: their different uids (n,) 16 bytes each, sorted, and how often each is seen (n,)."""

    uids: npt.NDArray[np.void]
    seen: npt.NDArray[np.int64]

    @classmethod
    def read(cls, engine: Engine, row: ReleaseRow) -> "_Listed":
        """Read the list of a release, as it is since pairs were withdrawn."""
        table = _read_pairs(engine, row)
        uids = np.frombuffer(table["uid"].combine_chunks().buffers()[1], "V16") if len(table) else np.empty(0, "V16")
        different, places = np.unique(uids[: len(table)], return_inverse=True)
        seen = np.bincount(places, weights=table["seen"].to_numpy(), minlength=len(different))
        return cls(different, seen.astype(np.int64))


def _read_pairs(engine: Engine, row: ReleaseRow) -> pa.Table:
    uri = list_of(engine, row)
    data = bytes_at(uri)
    if data is None:
        raise ConfigError(f"{uri}, the list of pairs of release {row.name!r}, is gone: bring it back from a backup")
    return pq.read_table(pa.BufferReader(data))


def _moved(engine: Engine, other: ReleaseRow, uids: npt.NDArray[np.void], unknown: str) -> Moved:
    """Tell by reason of pairs that another release has not what it decided of them; `unknown` if it never read them."""
    names = [uid.tobytes().hex() for uid in uids]
    said, tombstones = decided_in(engine, other.id, names), load_tombstones(engine)
    reasons: dict[str, dict[str, Any]] = {}
    for uid in names:
        gone = str(Reason.FORGOTTEN) if is_forgotten(uid, None, tombstones) else unknown
        key, reason = said.get(uid, (uid, gone))
        told = reasons.setdefault(reason or unknown, {"count": 0, "examples": []})
        told["count"] += 1
        told["examples"] += [key] if len(told["examples"]) < EXAMPLES else []
    return Moved(len(names), dict(sorted(reasons.items(), key=lambda item: (-item[1]["count"], item[0]))))
