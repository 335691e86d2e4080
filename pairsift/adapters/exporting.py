"""Writes the files of verdicts that stand in the store, from stored chunks: no model runs."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from pairsift.adapters.comparing import ACTIVE, Advance, ChosenSets, choose_sets, no_progress
from pairsift.adapters.exports import (
    ExportBatch,
    ExportRequest,
    file_names,
    files_are_there,
    out_folder,
    require_formats,
    write_export,
)
from pairsift.adapters.manifests import rebuild_manifest
from pairsift.adapters.pairlist import pairs_digest
from pairsift.adapters.results import join_decisions, stored_decisions, stored_measured, stored_pair
from pairsift.adapters.store.columns import decision_columns
from pairsift.adapters.store.decisions import (
    CommittedPartition,
    DecisionSetRow,
    attempt_models,
    committed_partitions,
    decision_sets,
    enter_export,
    find_dataset,
    sets_deciding,
)
from pairsift.adapters.store.queries import attempt_rows, exports_of
from pairsift.adapters.store.rows import ExportRow
from pairsift.config import ExportConfig
from pairsift.core.fingerprint import decision_fingerprint, export_fingerprint

WRITTEN = ("verdict", "reason", "alignment_z", "alignment_p", "alignment_q", "multiplicity")
"""What files say of a decision, beside its policy."""


@dataclass(frozen=True, slots=True)
class ExportAsked:
    """What is to be written: of which decision set (by default what every partition shows), what besides, and where."""

    dataset: str
    decision_set: str = ACTIVE
    formats: tuple[str, ...] = ()
    out: str = ""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written; `left` partitions are not decided under the set, or were committed anew meanwhile."""

    decision_set: str
    out: str
    manifest: str
    partitions: int
    files: int
    kept: int
    left: list[str]
    seconds: float


def export_decided(engine: Engine, storage: Path, asked: ExportAsked, advance: Advance = no_progress) -> Exported:
    """Write the files of a decision set's verdicts, partition by partition; safe to repeat, and the same bytes again.

    Sets have folders of their own, so that none overwrites another's. The manifest lists the files of what is shown.
    """
    started = time.monotonic()
    dataset_id = find_dataset(engine, asked.dataset)
    out = out_folder(asked.out or str(storage / "exports"))
    formats = _formats(asked.formats, out)
    chosen = choose_sets(decision_sets(engine, dataset_id), asked.decision_set)
    work = _Work(engine, storage, asked.dataset, out, formats)
    parts = committed_partitions(engine, dataset_id)
    written = {part.key: files for part, files in work.write_all(parts, chosen, advance)}
    manifest = rebuild_manifest(engine, asked.dataset, out)
    return Exported(
        decision_set=str(chosen.newest),
        out=out,
        manifest=manifest,
        partitions=len(written),
        files=sum(map(len, written.values())),
        kept=sum(file.rows for files in written.values() for file in files if file.name == "embeddings"),
        left=[part.key for part in parts if part.key not in written],
        seconds=time.monotonic() - started,
    )


def complete_exports(engine: Engine, storage: Path, asked: ExportAsked, keys: Collection[str]) -> int:
    """Make sure that what some partitions show has its files, and return how many had to be written.

    Files are written where none are there that say the same: those of another decision set with the same verdicts do.
    """
    dataset_id = find_dataset(engine, asked.dataset)
    work = _Work(engine, storage, asked.dataset, asked.out, _formats(asked.formats, asked.out))
    sets = {each.id: each for each in decision_sets(engine, dataset_id)}
    parts = [part for part in committed_partitions(engine, dataset_id) if part.key in keys]
    return sum(work.complete(part, sets) for part in parts)


def export_anew(
    engine: Engine, storage: Path, asked: ExportAsked, part: CommittedPartition, shown: DecisionSetRow
) -> list[ExportRow]:
    """Write just the formats asked for of one attempt's decisions, whether it stands or not; nothing is entered."""
    return _Work(engine, storage, asked.dataset, asked.out, asked.formats).write(part, shown)


def stored_batches(
    engine: Engine, storage: Path, attempt_id: int, decision_set_id: int, chunks: Sequence[str]
) -> Iterator[ExportBatch]:
    """Join a committed attempt's rows with its chunk files, one chunk in memory at a time."""
    measured = stored_measured(storage, chunks, attempt_rows(engine, attempt_id, decision_set_id))
    return join_decisions(measured, stored_decisions(attempt_rows(engine, attempt_id, decision_set_id)))


def stored_digest(engine: Engine, attempt_id: int, decision_set_id: int) -> str:
    """Digest the origins of a committed attempt's pairs."""
    return pairs_digest(stored_pair(row) for row in attempt_rows(engine, attempt_id, decision_set_id))


def _formats(besides: Sequence[str], out: str) -> tuple[str, ...]:
    """Name what is written: always what a run writes, and what is asked for besides."""
    require_formats(besides, out)
    return tuple(dict.fromkeys([*ExportConfig().written, *besides]))


@dataclass(frozen=True, slots=True)
class _Work:
    """One export."""

    engine: Engine
    storage: Path
    dataset: str
    out: str
    formats: tuple[str, ...]

    def write_all(
        self, parts: Sequence[CommittedPartition], chosen: ChosenSets, advance: Advance
    ) -> Iterator[tuple[CommittedPartition, list[ExportRow]]]:
        """Write what is decided under the chosen sets, and enter it in the store."""
        deciding = sets_deciding(self.engine, [part.attempt_id for part in parts])
        for part in parts:
            decided = chosen.of(part, deciding[part.attempt_id])
            if decided is not None:
                files = self.write(part, decided)
                if enter_export(self.engine, part, decided.id, self.out, files):
                    yield part, files
            advance()

    def complete(self, part: CommittedPartition, sets: Mapping[int, DecisionSetRow]) -> bool:
        """Enter files of what a partition shows; say whether they had to be written."""
        shown = sets[part.shown_decision_set_id]
        exports = exports_of(self.engine, part.attempt_id, self.out)
        whole = [each for each, files in exports.items() if self._is_whole(files)]
        if shown.id in whole:
            return False
        same = (each for each in whole if self._says_the_same(part, sets[each], shown))
        alike = next(same, None)
        files = self.write(part, shown) if alike is None else exports[alike]
        enter_export(self.engine, part, shown.id, self.out, files)
        return alike is None

    def _is_whole(self, files: Sequence[ExportRow]) -> bool:
        return sorted(file.name for file in files) == sorted(file_names(self.formats)) and files_are_there(files)

    def _says_the_same(self, part: CommittedPartition, one: DecisionSetRow, other: DecisionSetRow) -> bool:
        if one.policy_sha256 != other.policy_sha256:
            return False
        rows = [decision_columns(self.engine, part.attempt_id, each.id, WRITTEN) for each in (one, other)]
        return rows[0] == rows[1]

    def write(self, part: CommittedPartition, shown: DecisionSetRow) -> list[ExportRow]:
        """Write the files of an attempt's decisions."""
        decided = decision_fingerprint(part.score_fingerprint, shown.calibration, shown.policy_sha256)
        digest = stored_digest(self.engine, part.attempt_id, shown.id)
        request = ExportRequest(
            out=self.out,
            dataset=self.dataset,
            partition=part.key,
            fingerprint=export_fingerprint(decided, self.formats, digest),
            formats=self.formats,
            batches=lambda: stored_batches(self.engine, self.storage, part.attempt_id, shown.id, part.chunks),
            scratch=self.storage / "scratch",
            models=attempt_models(self.engine, part.attempt_id),
            policy=shown.policy,
            policy_version=int(shown.version),
        )
        return [
            ExportRow(file.name, file.uri, file.rows, file.sha256, file.size, request.fingerprint)
            for file in write_export(request)
        ]
