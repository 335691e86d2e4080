"""Decides a data set's committed partitions again, from what is stored: no model runs and no image is read."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from pairsift.adapters.calibrations import load_calibration
from pairsift.adapters.comparing import Advance, Changed, name_changes, no_progress
from pairsift.adapters.manifests import rebuild_manifests
from pairsift.adapters.results import count_verdicts, decision_rows
from pairsift.adapters.store.decisions import (
    CommittedPartition,
    committed_partitions,
    decide_attempt,
    decision_sets,
    find_dataset,
    newest_scores,
    sets_deciding,
)
from pairsift.adapters.store.registry import (
    activate_decision_set,
    current_calibration,
    find_decision_set,
    known_policy,
    open_decision_set,
    register_policy,
)
from pairsift.adapters.store.rows import DecidedRow
from pairsift.adapters.stored import Decided, calibrated_anew, stored_decided, stored_table
from pairsift.core.calibration import UNCALIBRATED, Calibrated, Calibration
from pairsift.core.columns import Columns
from pairsift.core.deciding import PairTable, PartitionDecision, decide_partition
from pairsift.core.differences import Difference, Kind, find_differences, join_differences
from pairsift.core.judgements import Judgements
from pairsift.core.mismatch import BOOTSTRAP_SEED
from pairsift.core.policy import Policy, nearest
from pairsift.core.signals import BASELINE_SIGNALS
from pairsift.core.tally import Tally
from pairsift.errors import ConfigError

ROUNDS = 3
"""How often it is looked whether a run has committed partitions anew meanwhile; later ones are left to it."""


@dataclass(frozen=True, slots=True)
class Again:
    """What is to be decided again: partitions by key, all of them where none is named."""

    dataset: str
    policy: Policy
    partitions: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Redecided:
    """What was decided again: `known` partitions had been decided so before, `left` were scored by an older encoder.

    `decision_set` is None where nothing is written and it was never made.
    """

    decision_set: int | None
    calibration: str | None
    tally: Tally
    decided: int
    known: int
    left: list[str]
    changes: dict[str, Changed]
    seconds: float


def decide_again(engine: Engine, storage: Path, again: Again, advance: Advance = no_progress) -> Redecided:
    """Decide committed partitions again, one transaction each, and last make the decision set the active one.

    Safe to repeat, also after a kill: what is decided stays, and the set that was active stays so until the end.
    """
    started = time.monotonic()
    dataset_id = find_dataset(engine, again.dataset)
    committed = committed_partitions(engine, dataset_id)
    chosen = choose_partitions(committed, again.partitions)
    scored = newest_scores(committed)
    todo = [part for part in chosen if part.score_fingerprint == scored]
    _require_scores(again.policy, chosen, todo)
    work = _plan(engine, storage, again, dataset_id, scored)
    tally = Tally()
    differences = join_differences(work.decide_all(todo, tally, advance))
    if work.decision_set_id is not None and not again.dry_run:
        work.catch_up(todo)
        activate_decision_set(engine, dataset_id, work.decision_set_id)
        rebuild_manifests(engine, again.dataset)
    return Redecided(
        decision_set=work.decision_set_id,
        calibration=work.calibration_fingerprint,
        tally=tally,
        decided=len(todo) - len(work.known),
        known=len(work.known),
        left=[part.key for part in chosen if part.score_fingerprint != scored],
        changes=name_changes(engine, differences),
        seconds=time.monotonic() - started,
    )


def choose_partitions(parts: Sequence[CommittedPartition], keys: Sequence[str]) -> list[CommittedPartition]:
    """Pick the partitions of these keys, all where none is named; ConfigError where one is not committed."""
    by_key = {part.key: part for part in parts}
    if not by_key:
        raise ConfigError("no partition of this data set is committed yet: `pairsift status` shows how far they are")
    for key in keys:
        if key not in by_key:
            raise ConfigError(f"no partition {key!r} is committed; {nearest(key, by_key)}")
    return [by_key[key] for key in sorted(set(keys) or by_key)]


def _plan(engine: Engine, storage: Path, again: Again, dataset_id: int, scored: str) -> "_Work":
    """Find the decision set, making it known unless nothing is to be written."""
    policy = again.policy
    calibration = current_calibration(engine, dataset_id, scored) if policy.needs_calibration else None
    if policy.needs_calibration and calibration is None:
        raise ConfigError(
            f"policy {policy.name!r} goes by a calibration, and the data set has none: `pairsift calibrate "
            f"{again.dataset}` makes one"
        )
    named = (policy.name, str(policy.version), policy.sha256)
    policy_id = known_policy(engine, *named)
    decision_set_id = None
    if not again.dry_run:
        policy_id = register_policy(engine, *named, policy.model_dump_json(by_alias=True, exclude_none=True))
        decision_set_id = open_decision_set(engine, dataset_id, policy_id, calibration or UNCALIBRATED)
    elif policy_id is not None:
        decision_set_id = find_decision_set(engine, dataset_id, policy_id, calibration or UNCALIBRATED)
    return _Work(engine, storage, again, dataset_id, scored, calibration, decision_set_id)


def _require_scores(policy: Policy, chosen: Sequence[CommittedPartition], todo: Sequence[CommittedPartition]) -> None:
    """Refuse (ConfigError) what cannot be decided from stored scores, before anything is done."""
    if not todo:
        raise ConfigError(
            f"{chosen[0].key} was scored by an encoder that the data set no longer uses: run the source again"
        )
    for text in {part.policy_text for part in todo}:
        cleaner = Policy.model_validate_json(text).cleaner
        if cleaner != policy.cleaner:
            raise ConfigError(
                f"policy {policy.name!r} has captions cleaned by {policy.cleaner}, and what is stored was scored with "
                f"captions cleaned by {cleaner}: run the source with --policy {policy.name}"
            )


@dataclass(frozen=True)
class _Work:
    """One decision set being made."""

    engine: Engine
    storage: Path
    again: Again
    dataset_id: int
    score_fingerprint: str
    calibration_fingerprint: str | None
    decision_set_id: int | None
    known: list[str] = field(default_factory=list)

    def decide_all(
        self, parts: Sequence[CommittedPartition], tally: Tally, advance: Advance
    ) -> Iterator[tuple[int, dict[Kind, Difference]]]:
        """Decide partition after partition and tell what changes, by attempt."""
        deciding = sets_deciding(self.engine, [part.attempt_id for part in parts])
        for part in parts:
            sets = deciding[part.attempt_id]
            before = stored_decided(self.engine, part, part.shown_decision_set_id)
            if self.decision_set_id in sets:
                after = stored_decided(self.engine, part, self.decision_set_id).judged
                self.known.append(part.key)
            else:
                after = self.decide(part, sets, before)
            tally.count(before.judged, after)
            yield part.attempt_id, find_differences(before.judged, after)
            advance()

    def catch_up(self, parts: Sequence[CommittedPartition]) -> None:
        """Decide what a run has committed anew meanwhile."""
        keys = {part.key for part in parts}
        for _ in range(ROUNDS):
            now = [part for part in committed_partitions(self.engine, self.dataset_id) if part.key in keys]
            deciding = sets_deciding(self.engine, [part.attempt_id for part in now])
            behind = [
                part
                for part in now
                if self.decision_set_id not in deciding[part.attempt_id]
                and part.score_fingerprint == self.score_fingerprint
            ]
            for part in behind:
                shown = stored_decided(self.engine, part, part.shown_decision_set_id)
                self.decide(part, deciding[part.attempt_id], shown)
            if not behind:
                return

    def decide(self, part: CommittedPartition, sets: Sequence[int], shown: Decided) -> Judgements:
        """Decide one partition, and append the decisions unless nothing is to be written."""
        made = self._made(part, sets, shown)
        if self.decision_set_id is not None and not self.again.dry_run:
            counts = count_verdicts(made.decisions.verdicts)
            mismatch = None if made.mismatch is None else asdict(made.mismatch)
            row = DecidedRow(part.attempt_id, self.decision_set_id, counts, mismatch)
            decide_attempt(self.engine, row, decision_rows(made.decisions))
        return Judgements(made.decisions.verdicts, made.decisions.reasons)

    def _made(self, part: CommittedPartition, sets: Sequence[int], shown: Decided) -> PartitionDecision:
        policy = self.again.policy
        table = stored_table(self.engine, part, policy)
        require_measured(policy, table, part.key)
        calibrated = self._calibrated(part, table.columns, sets, shown)
        return decide_partition(table, policy, calibrated, np.random.default_rng(BOOTSTRAP_SEED))

    def _calibrated(
        self, part: CommittedPartition, columns: Columns, sets: Sequence[int], shown: Decided
    ) -> Calibrated:
        """Read z and p where the partition was decided by the same calibration before, else compute them."""
        nothing = np.full(part.pairs, np.nan)
        if self.calibration_fingerprint is None:
            return Calibrated(nothing, nothing)
        same = [each for each in sets if self._calibrations[each] == self.calibration_fingerprint]
        if part.shown_decision_set_id in same:
            return shown.calibrated
        if same:
            return stored_decided(self.engine, part, same[0]).calibrated
        return calibrated_anew(self.engine, self.storage, part, columns, self._calibration)

    @cached_property
    def _calibrations(self) -> dict[int, str]:
        return {each.id: each.calibration for each in decision_sets(self.engine, self.dataset_id)}

    @cached_property
    def _calibration(self) -> Calibration:
        if self.calibration_fingerprint is None:
            raise ValueError("there is no calibration to load: a bug, report it")
        return load_calibration(self.storage, self.calibration_fingerprint, self.score_fingerprint)


def require_measured(policy: Policy, table: PairTable, key: str) -> None:
    """Refuse (ConfigError) a policy that goes by signals which the partition's encoder did not measure of any pair."""
    for signal in sorted(policy.signals & frozenset(BASELINE_SIGNALS)):
        absent = np.isnan(table.columns.numbers(signal)) & (table.columns.why_absent(signal) == 0)
        if table.columns.count > 0 and bool(absent.all()):
            raise ConfigError(
                f"policy {policy.name!r} goes by {signal}, which was not measured in partition {key}: set "
                "score.baseline to on and run the source again"
            )
