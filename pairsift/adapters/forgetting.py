"""Takes pairs down: looks for them everywhere, removes them, looks again, and tells what was found and done."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from pairsift.adapters.exports import INDEX
from pairsift.adapters.manifests import rebuild_manifests
from pairsift.adapters.pruning import Kept, attempt_scratch, unlisted_files
from pairsift.adapters.published import remove_file, sizes_at
from pairsift.adapters.rewriting import (
    Place,
    places_of,
    reasons_of,
    rewrite_calibration,
    rewrite_chunk,
    rewrite_export,
    rewrite_list,
    tell_withdrawals,
)
from pairsift.adapters.searching import Holding, holding, known_as, resolve
from pairsift.adapters.store.erasing import (
    Erasure,
    Replacement,
    attempts_of,
    erase_in_partition,
    ledger_of,
    loose_in_ledger,
)
from pairsift.adapters.store.pruning import exported_files, partitions_at_work, unledgered
from pairsift.adapters.store.queries import export_places
from pairsift.adapters.store.releases import files_of_release, list_releases
from pairsift.adapters.store.rows import ChunkRow
from pairsift.adapters.store.sweeping import empty_log, sweep
from pairsift.adapters.store.takedowns import (
    FoundPair,
    Subject,
    begin_takedown,
    copies_named,
    end_takedown,
    find_rows,
    open_takedowns,
    unname_copies,
    wait_for_commits,
)
from pairsift.adapters.store.withdrawing import exports_of_attempts, stale_exports, still_needed

Tell = Callable[[str], None]

NOT_SEARCHED = (
    "the sources themselves, from which it has to be removed, too",
    "Prefect's database: artifacts and logs of runs may name a pair's key",
    "reports that were written elsewhere by --out, backups, and copies that others made of exports",
    "target sets, which hold embeddings without names: make those anew that had the picture (`pairsift target`)",
    "what was trained: a model's weights hold no pair, but may have learnt from it",
)


@dataclass(frozen=True, slots=True)
class Found:
    """Where pairs are: how many rows and files of each kind, of how many that were looked at."""

    pairs: Sequence[str]
    counts: Mapping[str, int]
    searched: Mapping[str, int]
    releases: Sequence[str]


@dataclass(frozen=True, slots=True)
class Proof:
    """What was searched, found and removed, and what was found when it was searched again: nothing, if `complete`."""

    applied: bool
    complete: bool
    tombstones: Sequence[str]
    found: Found
    left: Found | None = None
    at_work: Sequence[str] = ()
    told: Sequence[str] = ()
    not_searched: Sequence[str] = NOT_SEARCHED


@dataclass(frozen=True, slots=True)
class _Search:
    """What a search found."""

    rows: Sequence[FoundPair]
    files: Holding
    exports: Sequence[str]
    copies: int
    releases: Sequence[str]

    @property
    def told(self) -> Found:
        """Sum it up."""
        counts = {
            "rows of pairs": len(self.rows),
            "decisions on copies of them": self.copies,
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


def forget(engine: Engine, kept: Kept, names: Sequence[str], *, apply: bool, tell: Tell) -> Proof:
    """Search for pairs and, if that is asked for, take them down and keep them out; the same again finishes it.

    Killed anywhere, it is completed by the same command, or by any other takedown: what is looked for is noted until
    nothing is left. While somebody is at work on a partition that may have read a pair, it is kept out of what that
    commits, and the takedown is complete when the same command is given again afterwards.
    """
    journal = open_takedowns(engine)
    subject = resolve(engine, names, journal)
    tell("searching")
    if not apply:
        found = _search(engine, kept.storage, subject, journal.doomed)
        return Proof(False, False, sorted(subject.tombstones), found.told)
    begin_takedown(engine, subject, journal.doomed)
    return _Takedown(engine, kept, subject, tell).do()


def _search(engine: Engine, storage: Path, subject: Subject, doomed: Sequence[str]) -> _Search:
    rows = find_rows(engine, subject)
    files = holding(engine, storage, subject)
    exports = sorted({*exports_of_attempts(engine, {row.attempt_id for row in rows}), *_there(storage, doomed)})
    affected = {each.release.name for each in files.releases}
    for release in list_releases(engine):
        held = {file.current[0] for file in files_of_release(engine, release.id) if file.current is not None}
        affected |= {release.name} if held.intersection(exports) else set()
    return _Search(rows, files, exports, copies_named(engine, subject), sorted(affected))


def _there(storage: Path, doomed: Sequence[str]) -> list[str]:
    """Name those files that are to go and are still there."""
    sizes = sizes_at([_at(storage, uri) for uri in doomed])
    return [uri for uri, size in zip(doomed, sizes, strict=True) if size is not None]


def _at(storage: Path, uri: str) -> str:
    """Locate a file: chunks are named below the storage."""
    return uri if "://" in uri or uri.startswith("/") else str(storage / uri)


@dataclass
class _Takedown:
    """One takedown that is being done; `notes` are what the proof has to tell besides."""

    engine: Engine
    kept: Kept
    subject: Subject
    tell: Tell
    notes: list[str] = field(default_factory=list)

    def do(self) -> Proof:
        """Take down what is found, then search again; what is looked for is noted until nothing is left."""
        working = wait_for_commits(self.engine)
        found = self._found()
        self._note(found.rows)
        self.tell("erasing")
        self._erase(found)
        unname_copies(self.engine, self.subject)
        self.tell("writing anew")
        self._rewrite(found)
        self._clear(found)
        self.tell("searching again")
        left = self._found()
        swept, how = sweep(self.engine)
        self.notes.append(how)
        complete = left.is_empty and not working and swept
        if complete:
            end_takedown(self.engine)
            complete = empty_log(self.engine)
        digests = sorted(self.subject.tombstones)
        return Proof(True, complete, digests, found.told, left.told, working, self.notes)

    def _found(self) -> _Search:
        return _search(self.engine, self.kept.storage, self.subject, open_takedowns(self.engine).doomed)

    def _note(self, rows: Sequence[FoundPair]) -> None:
        """Note what pairs are called that were committed since they were looked for, and files that nobody lists."""
        self.subject = known_as(self.subject, rows)
        places = {(row.dataset, row.partition) for row in rows}
        orphans = unlisted_files(exported_files(self.engine, (), ()), places)
        begin_takedown(self.engine, self.subject, {*open_takedowns(self.engine).doomed, *orphans})

    def _erase(self, found: _Search) -> None:
        """Erase rows and chunks, one partition after the other."""
        storage = self.kept.storage
        uris = [path.relative_to(storage).as_posix() for path in found.files.chunks]
        ledger = ledger_of(self.engine, uris)
        partitions = {row.partition_id for row in found.rows} | {partition_id for partition_id, _ in ledger}
        attempts = attempts_of(self.engine, partitions)
        replaced = self._replaced({name: row for (_, name), row in ledger.items()}, places_of(attempts))
        loose = loose_in_ledger(self.engine) if self.subject.images else []
        for partition_id in sorted(partitions | {part for part, _ in loose}):
            mine = [name for part, name in [*ledger, *loose] if part == partition_id]
            rows = [row for row in found.rows if row.partition_id == partition_id]
            erasure = Erasure(
                partition_id,
                rows,
                reasons_of(rows, attempts, {name: reasons for name, (_, reasons) in replaced.items()}),
                [replaced[name][0] for name in mine if name in replaced],
                [name for name in mine if name not in replaced],
            )
            erase_in_partition(self.engine, erasure)
        self._remove_unledgered(uris)

    def _replaced(
        self, rows: Mapping[str, ChunkRow], places: Mapping[str, Place]
    ) -> dict[str, tuple[Replacement, dict[str, str]]]:
        """Write the chunks anew to which attempts with rows refer; the others go as a whole, and cost only time."""
        made = {
            name: rewrite_chunk(self.engine, self.kept.storage, row, places[name], self.subject)
            for name, row in rows.items()
            if name in places
        }
        return {name: each for name, each in made.items() if each is not None}

    def _remove_unledgered(self, uris: Sequence[str]) -> None:
        """Remove chunk files that hold a pair, or by an image's sha256 may hold one, and are in no ledger."""
        storage = self.kept.storage
        every = [path.relative_to(storage).as_posix() for path in (storage / "chunks").glob("*/*.parquet")]
        for uri in unledgered(self.engine, every if self.subject.images else uris):
            remove_file(str(storage / uri))

    def _rewrite(self, found: _Search) -> None:
        """Write exports, lists of releases, calibrations and manifests without the pairs."""
        storage = self.kept.storage
        self._rewrite_exports()
        for listed in found.files.releases:
            rewrite_list(self.engine, storage, listed, self.subject)
        for path in found.files.calibrations:
            made = rewrite_calibration(self.engine, storage, path, self.subject)
            instead = f"{made[:12]}… is in its place" if made else "too few pairs are left for another one"
            self.notes.append(f"calibration {path.stem[:12]}… held it: {instead}; the next run or decide goes by it")
            path.unlink(missing_ok=True)
        for release in list_releases(self.engine):
            tell_withdrawals(self.engine, storage, release)
        for dataset in sorted({name for name, _ in export_places(self.engine)}):
            rebuild_manifests(self.engine, dataset)

    def _rewrite_exports(self) -> None:
        for stale in stale_exports(self.engine, open_takedowns(self.engine).doomed):
            key, lacking = rewrite_export(self.engine, self.kept.storage, stale)
            if lacking:
                self.notes.append(
                    f"{', '.join(lacking)} of partition {key} of {stale.dataset} could not be written without the "
                    f"source or its chunks, and are gone: `pairsift export {stale.dataset}` writes them"
                )
                places = exported_files(self.engine, (), ())
                for uri in unlisted_files(places, {(stale.dataset, key)}):  # what was written before that was known
                    remove_file(uri)

    def _clear(self, found: _Search) -> None:
        """Remove the files that nothing needs any more, and what is only ever a copy."""
        doomed = open_takedowns(self.engine).doomed
        needed = still_needed(self.engine, doomed)
        for uri in (uri for uri in doomed if uri not in needed):
            _remove(_at(self.kept.storage, uri))
        for path in (*found.files.reports, *found.files.candidates):
            path.unlink(missing_ok=True)
        for file in attempt_scratch(self.kept, partitions_at_work(self.engine)):
            remove_file(file.uri)
        if (self.kept.storage / "training").exists():
            shutil.rmtree(self.kept.storage / "training", ignore_errors=True)
            self.notes.append("what trainings under way had encoded was removed: they begin anew")


def _remove(uri: str) -> None:
    """Remove a file, or all of a folder of which it is the list."""
    if uri.endswith(f"/{INDEX}") and "://" not in uri:
        shutil.rmtree(Path(uri).parent, ignore_errors=True)
    remove_file(uri)
