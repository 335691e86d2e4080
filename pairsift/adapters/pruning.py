"""Finds what nothing refers to any more, in the store and among the files, and removes it: rows first, then files."""

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from pairsift.adapters.exports import INDEX, dataset_folder
from pairsift.adapters.published import FoundFile, files_below, remove_file
from pairsift.adapters.store.pruning import (
    AtWork,
    ExportedHere,
    LooseChunk,
    SupersededAttempt,
    SupersededDecisions,
    exported_files,
    ledgered_uris,
    loose_chunks,
    partitions_at_work,
    superseded_attempts,
    superseded_decisions,
)
from pairsift.adapters.store.releases import clock
from pairsift.adapters.store.removing import (
    remove_attempt,
    remove_decisions,
    remove_ledgered,
    still_referred,
    unledgered,
)

HOURS = 24.0
"""Grace by default: longer than any run is at work on one partition."""
EXAMPLES = 3
LOOKED_AT = 200
"""Files of which it is asked again, right before they go, whether something refers to them now."""
DIGITS = "[0-9a-f]{16}"
OTHERS = (
    "another database has used this storage, and may refer to them; if that is gone, remove its folder of 16 hex "
    "digits in scratch"
)
_OWN = re.compile(rf"(?P<partition>[^/]+)/{DIGITS}/.+")
_SHARD = re.compile(rf"shards/(?P<partition>.+)-{DIGITS}(\.tar|_stats\.json)")
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}\.tmp")


@dataclass(frozen=True, slots=True)
class Asked:
    """How old what goes must be: hours since it was superseded or written; and days, where these kinds go at all."""

    older_than_hours: float = HOURS
    decisions_days: float | None = None
    reports_days: float | None = None
    apply: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the database's files lie: the storage, and this database's scratch."""

    storage: Path
    scratch: Path


@dataclass(frozen=True, slots=True)
class Kind:
    """So many things of one kind, of so many rows and bytes, and the first of them."""

    count: int = 0
    rows: int = 0
    bytes: int = 0
    examples: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Pruned:
    """What nothing refers to, by kind; with `applied` it is gone. `spared` partitions are being worked on."""

    applied: bool
    kinds: Mapping[str, Kind]
    spared: Sequence[str]
    told: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to go."""

    attempts: Sequence[SupersededAttempt]
    decisions: Sequence[SupersededDecisions]
    ledger: Sequence[LooseChunk]
    chunks: Sequence[FoundFile]
    exports: Sequence[FoundFile]
    others: Mapping[str, Sequence[FoundFile]] = field(default_factory=dict)


def prune(engine: Engine, kept: Kept, asked: Asked) -> Pruned:
    """Find what nothing refers to, and remove it if that is asked for; safe beside runs, after a kill, and to repeat.

    Nothing goes of what stands committed or is shown, what a release names, what a partition is being worked on with,
    and what is younger than asked. What was trained, calibrations and target sets stay: scores and decisions name them.
    """
    working = partitions_at_work(engine)
    plan = _plan(engine, kept, asked, working)
    if asked.apply:
        _apply(engine, kept, plan)
    kinds = {
        "superseded attempts": _rows(plan.attempts),
        "superseded decisions": _rows(plan.decisions),
        "rows of the chunk ledger": Kind(len(plan.ledger), len(plan.ledger), 0, _first(r.uri for r in plan.ledger)),
        "chunk files": _files(plan.chunks),
        "exported files": _files(plan.exports),
        **{name: _files(files) for name, files in plan.others.items()},
    }
    told = [f"chunk files are left: {OTHERS}"] if other_databases(kept) else []
    return Pruned(asked.apply, kinds, sorted("/".join(name) for name in working.names), told)


def other_databases(kept: Kept) -> list[str]:
    """Name the folders of scratch of other databases that have used this storage: its chunk files are theirs, too."""
    found = (path.name for path in kept.scratch.parent.glob("*") if re.fullmatch(DIGITS, path.name))
    return sorted(set(found) - {kept.scratch.name})


def _plan(engine: Engine, kept: Kept, asked: Asked, working: AtWork) -> _Plan:
    grace = timedelta(hours=asked.older_than_hours)
    before, written_before = clock(engine) - grace, time.time() - grace.total_seconds()
    attempts = [each for each in superseded_attempts(engine, before) if each.partition_id not in working.fences]
    decisions = _old_decisions(engine, asked, working)
    doomed = {each.id for each in attempts}
    ledger = loose_chunks(engine, before, doomed, working)
    sets = {(each.attempt_id, each.decision_set_id) for each in decisions}
    return _Plan(
        attempts,
        decisions,
        ledger,
        []
        if other_databases(kept)
        else list(_loose_files(kept.storage, ledgered_uris(engine, ledger), written_before)),
        list(_orphans(exported_files(engine, doomed, sets), working, written_before)),
        _others(engine, kept, asked, working),
    )


def _old_decisions(engine: Engine, asked: Asked, working: AtWork) -> list[SupersededDecisions]:
    if asked.decisions_days is None:
        return []
    before = clock(engine) - timedelta(days=asked.decisions_days)
    return [each for each in superseded_decisions(engine, before) if each.partition_id not in working.fences]


def _loose_files(storage: Path, ledgered: set[str], written_before: float) -> Iterator[FoundFile]:
    for file in files_below(str(storage / "chunks")):
        uri = Path(file.uri).relative_to(storage).as_posix()
        if uri not in ledgered and uri.endswith(".parquet") and file.modified < written_before:
            yield file


def _orphans(places: Sequence[ExportedHere], working: AtWork, written_before: float) -> Iterator[FoundFile]:
    """Find exported files to which nothing refers, but of partitions that are worked on, and young ones."""
    for dataset, owner, file in _unreferred(places):
        if file.modified < written_before and (dataset, owner) not in working.names:
            yield file


def unlisted_files(places: Sequence[ExportedHere], of: Collection[tuple[str, str]]) -> list[str]:
    """Name the exported files of some partitions, as (data set, key), to which nothing refers, however young."""
    return [file.uri for dataset, owner, file in _unreferred(places) if (dataset, owner) in of]


def _unreferred(places: Sequence[ExportedHere]) -> Iterator[tuple[str, str, FoundFile]]:
    """Find what has the name of a partition's exported file, and to which nothing refers; others' files have others."""
    for here in places:
        folder = dataset_folder(here.out_uri, here.dataset)
        for file in files_below(folder):
            owner = owner_of(file.uri.removeprefix(f"{folder}/"))
            if owner is not None and not _is_referred(file.uri, here.referred):
                yield here.dataset, owner, file


def owner_of(place: str) -> str | None:
    """Name the partition whose exported file lies at a place below its data set's folder; None for any other file."""
    found = _SHARD.fullmatch(place) or _OWN.fullmatch(place)
    return None if found is None or _is_temporary(place) else found["partition"]


def _is_referred(uri: str, referred: frozenset[str]) -> bool:
    """Say whether a file is referred to, itself or by the list of a folder that it lies in."""
    parents = [uri]
    while (parent := parents[-1].rpartition("/")[0]) and len(parents) < 5:  # no format has deeper folders
        parents.append(parent)
    return uri in referred or any(f"{parent}/{INDEX}" in referred for parent in parents[1:])


def _others(engine: Engine, kept: Kept, asked: Asked, working: AtWork) -> dict[str, list[FoundFile]]:
    """Find what killed processes left behind, and reports that are old enough."""
    written_before = time.time() - asked.older_than_hours * 3600
    outs = {dataset_folder(here.out_uri, here.dataset) for here in exported_files(engine, (), ())}
    folders = ("chunks", "calibrations", "targets", "models", "reports")
    looked = [*(str(kept.storage / name) for name in folders), *sorted(outs)]
    temporary = [file for folder in looked for file in files_below(folder) if _is_temporary(file.uri)]
    found = {
        "temporary files": [file for file in temporary if file.modified < written_before],
        "scratch": [file for file in _scratch(kept, working) if file.modified < written_before],
    }
    if asked.reports_days is not None:
        old = time.time() - asked.reports_days * 86400
        found["reports"] = [file for file in files_below(str(kept.storage / "reports")) if file.modified < old]
    return found


def _is_temporary(uri: str) -> bool:
    """Say whether a name, or a folder's that it lies in, is one that `durable` gives what is not whole yet."""
    return any(_TEMPORARY.fullmatch(part) for part in uri.split("/"))


def attempt_scratch(kept: Kept, working: AtWork) -> Iterator[FoundFile]:
    """Find what lies in scratch of attempts that are over, and of pilots."""
    busy = {f"{partition_id}/{fence}" for partition_id, fence in working.fences.items()}
    for file in files_below(str(kept.scratch)):
        if "/".join(Path(file.uri).relative_to(kept.scratch).parts[:2]) not in busy:
            yield file


def _scratch(kept: Kept, working: AtWork) -> Iterator[FoundFile]:
    """Find that, and what commands left that were killed."""
    yield from attempt_scratch(kept, working)
    for folder in (*kept.storage.glob("scratch/tmp*"), kept.storage / "calibrations" / "candidates"):
        yield from files_below(str(folder))


def _apply(engine: Engine, kept: Kept, plan: _Plan) -> None:
    """Remove rows, then files; of those that something refers to by now none."""
    for attempt in plan.attempts:
        remove_attempt(engine, attempt)
    for decisions in plan.decisions:
        remove_decisions(engine, decisions)
    remove_ledgered(engine, plan.ledger)
    for batch in _batches(plan.chunks):
        by_uri = {Path(file.uri).relative_to(kept.storage).as_posix(): file for file in batch}
        _remove_unchanged([by_uri[uri] for uri in unledgered(engine, list(by_uri))])
    for batch in _batches(plan.exports):
        referred = frozenset(still_referred(engine, [uri for file in batch for uri in _referring(file.uri)]))
        _remove_unchanged([file for file in batch if not _is_referred(file.uri, referred)])
    for files in plan.others.values():
        _remove_unchanged(files)


def _referring(uri: str) -> list[str]:
    folders = uri.split("/")
    return [uri, *(f"{'/'.join(folders[:-n])}/{INDEX}" for n in range(1, 5))]


def _remove_unchanged(files: Sequence[FoundFile]) -> None:
    """Remove files, but for local ones that were written again since they were found."""
    for file in files:
        path = Path(file.uri)
        if "://" in file.uri or (path.exists() and path.stat().st_mtime == file.modified):
            remove_file(file.uri)


def _batches(files: Sequence[FoundFile]) -> Iterator[Sequence[FoundFile]]:
    return (files[start : start + LOOKED_AT] for start in range(0, len(files), LOOKED_AT))


def _rows(superseded: Sequence[SupersededAttempt] | Sequence[SupersededDecisions]) -> Kind:
    return Kind(len(superseded), sum(each.pairs for each in superseded), 0, _first(each.name for each in superseded))


def _files(files: Sequence[FoundFile]) -> Kind:
    return Kind(len(files), 0, sum(file.size for file in files), _first(file.uri for file in files))


def _first(names: Iterator[str]) -> list[str]:
    return [name for name, _ in zip(names, range(EXAMPLES), strict=False)]


def totals(pruned: Pruned) -> dict[str, Any]:
    """Sum what goes up: rows and bytes."""
    kinds = pruned.kinds.values()
    return {"rows": sum(kind.rows for kind in kinds), "bytes": sum(kind.bytes for kind in kinds)}
