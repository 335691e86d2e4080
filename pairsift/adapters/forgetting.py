"""Takes pairs down: looks for them everywhere, removes them, looks again, and tells what was found and done."""

import fcntl
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Engine

from pairsift.adapters.exports import INDEX
from pairsift.adapters.manifests import rebuild_manifests
from pairsift.adapters.pruning import OTHERS, Kept, attempt_scratch, other_databases, unlisted_files
from pairsift.adapters.published import remove_file
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
from pairsift.adapters.searching import Found, Search, known_as, located, resolve, search
from pairsift.adapters.store.erasing import (
    Erasure,
    Replacement,
    attempts_of,
    erase_in_partition,
    ledger_of,
    loose_in_ledger,
)
from pairsift.adapters.store.pruning import exported_files, partitions_at_work
from pairsift.adapters.store.queries import export_places
from pairsift.adapters.store.releases import list_releases
from pairsift.adapters.store.removing import unledgered
from pairsift.adapters.store.rows import ChunkRow
from pairsift.adapters.store.sweeping import empty_log, sweep
from pairsift.adapters.store.takedowns import (
    FoundPair,
    Subject,
    begin_takedown,
    end_takedown,
    open_takedowns,
    remove_labels,
    unname_copies,
    wait_for_commits,
)
from pairsift.adapters.store.withdrawing import stale_exports, still_needed
from pairsift.errors import Busy

Tell = Callable[[str], None]

NOT_SEARCHED = (
    "the sources themselves, from which it has to be removed, too",
    "Prefect's database: artifacts and logs of runs may name a pair's key",
    "reports that were written elsewhere by --out, backups, and copies that others made of exports",
    "the memory of what is running: a review page shows what it has read until it is started again",
    "target and evaluation sets, which hold what was given as such: make those anew that had the picture",
    "what was trained: a model's weights hold no pair, but may have learnt from it",
)


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


def forget(engine: Engine, kept: Kept, names: Sequence[str], *, apply: bool, tell: Tell) -> Proof:
    """Search for pairs and, if that is asked for, take them down and keep them out; the same again finishes it.

    Killed anywhere, it is completed by the same command, or by any other takedown: what is looked for is noted until
    nothing is left. While somebody is at work on a partition that may have read a pair, it is kept out of what that
    commits, and the takedown is complete when the same command is given again afterwards.
    """
    tell("searching")
    if not apply:
        journal = open_takedowns(engine)
        subject = resolve(engine, names, journal)
        found = search(engine, kept.storage, subject, journal.doomed)
        return Proof(False, False, sorted(subject.tombstones), found.told)
    with _alone(kept.storage):
        journal = open_takedowns(engine)
        subject = resolve(engine, names, journal)
        begin_takedown(engine, subject, journal.doomed)
        return _Takedown(engine, kept, subject, tell).do()


@contextmanager
def _alone(storage: Path) -> Iterator[None]:
    """Let no two takedowns write what is still to be done; Busy beside another one. The lock ends with its process."""
    with (storage / "forget.lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy("another takedown is under way: give the same command again when it has ended") from error
        yield


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
        remove_labels(self.engine, self.subject)
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
        told, still = (replace(each.told, pairs=()) for each in (found, left))  # a proof that is kept names nobody
        return Proof(True, complete, digests, told, still, working, self.notes)

    def _found(self) -> Search:
        return search(self.engine, self.kept.storage, self.subject, open_takedowns(self.engine).doomed)

    def _note(self, rows: Sequence[FoundPair]) -> None:
        """Note what pairs are called that were committed since they were looked for, and files that nobody lists."""
        self.subject = known_as(self.subject, rows)
        places = {(row.dataset, row.partition) for row in rows}
        orphans = unlisted_files(exported_files(self.engine, (), ()), places)
        begin_takedown(self.engine, self.subject, {*open_takedowns(self.engine).doomed, *orphans})

    def _erase(self, found: Search) -> None:
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
        may_hold = self.subject.images and not other_databases(self.kept)
        if self.subject.images and not may_hold:
            self.notes.append(f"chunk files that are in no ledger were searched by uid alone: {OTHERS}")
        for uri in unledgered(self.engine, every if may_hold else uris):
            remove_file(str(storage / uri))

    def _rewrite(self, found: Search) -> None:
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

    def _clear(self, found: Search) -> None:
        """Remove the files that nothing needs any more, and what is only ever a copy."""
        doomed = open_takedowns(self.engine).doomed
        needed = still_needed(self.engine, doomed)
        for uri in (uri for uri in doomed if uri not in needed):
            _remove(located(self.kept.storage, uri))
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
