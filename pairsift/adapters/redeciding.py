"""Decides a data set's committed partitions again, from what is stored: no model runs and no image is read."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from pairsift.adapters.comparing import Advance, Changed, name_changes, no_progress
from pairsift.adapters.decider import Decider, Task, decide_in_processes
from pairsift.adapters.deciding_basis import Scored, gather_pools, open_sets, plan_alone
from pairsift.adapters.manifests import rebuild_manifests
from pairsift.adapters.settling import Settlement, ToSettle, settle
from pairsift.adapters.store.decisions import (
    CommittedPartition,
    committed_partitions,
    find_dataset,
    newest_scores,
    sets_deciding,
)
from pairsift.adapters.store.registry import activate_decision_set
from pairsift.adapters.store.settlings import last_settling, show_settled
from pairsift.core.conditions import nearest
from pairsift.core.differences import Difference, Kind, find_differences, join_differences
from pairsift.core.policy import Policy
from pairsift.core.tally import Tally
from pairsift.errors import Busy, ConfigError

ROUNDS = 3
"""How often it is looked whether a run has committed partitions anew meanwhile; later ones are left to it."""


@dataclass(frozen=True, slots=True)
class Again:
    """What is to be decided again: partitions by key, all of them where none is named.

    `anew` where no earlier settling is to count: who stays of copies is then told by content and keys alone. Only what
    has the score fingerprint `scored` is decided, by default that of the attempt begun last.
    """

    dataset: str
    policy: Policy
    partitions: tuple[str, ...] = ()
    dry_run: bool = False
    anew: bool = False
    scored: str = ""


@dataclass(frozen=True, slots=True)
class Redecided:
    """What was decided again: `known` partitions had been decided so before, `left` were scored by an older encoder.

    `besides` are partitions that were not asked for. `decision_set` is the newest of those that are shown now, None
    where nothing is written and it was never made.
    """

    decision_set: int | None
    calibration: str | None
    tally: Tally
    decided: int
    known: int
    left: list[str]
    besides: list[str]
    changes: dict[str, Changed]
    seconds: float


def decide_again(engine: Engine, storage: Path, again: Again, advance: Advance = no_progress) -> Redecided:
    """Decide committed partitions again, one transaction each, and show that last, in one step.

    Safe to repeat, also after a kill: what is decided stays, and what was shown is shown until the end. Where copies
    are looked for in the whole data set, all is found anew if another settling ended meanwhile; Busy if that goes on.
    """
    started = time.monotonic()
    dataset_id = find_dataset(engine, again.dataset)
    for _ in range(ROUNDS):
        work = _work(engine, storage, again, dataset_id)
        redecided = work.do(advance, started)
        if work.show():
            return redecided
    raise Busy(f"other runs keep settling {again.dataset}: give the same command again when they have ended")


def choose_partitions(parts: Sequence[CommittedPartition], keys: Sequence[str]) -> list[CommittedPartition]:
    """Pick the partitions of these keys, all where none is named; ConfigError where one is not committed."""
    by_key = {part.key: part for part in parts}
    if not by_key:
        raise ConfigError("no partition of this data set is committed yet: `pairsift status` shows how far they are")
    for key in keys:
        if key not in by_key:
            raise ConfigError(f"no partition {key!r} is committed; {nearest(key, by_key)}")
    return [by_key[key] for key in sorted(set(keys) or by_key)]


def _work(engine: Engine, storage: Path, again: Again, dataset_id: int) -> "_Work":
    """Find what is to be done, and make the decision sets known that it takes, unless nothing is to be written."""
    after = last_settling(engine, dataset_id)  # before all that it may change
    committed = committed_partitions(engine, dataset_id)
    chosen = choose_partitions(committed, again.partitions)
    scored = again.scored or newest_scores(committed)
    todo = [part for part in chosen if part.score_fingerprint == scored]
    _require_scores(again.policy, chosen, todo)
    deciding = sets_deciding(engine, [part.attempt_id for part in committed])
    dataset = Scored(again.dataset, dataset_id, scored)
    alone = Decider(engine, plan_alone(engine, storage, again.policy, dataset, writes=not again.dry_run))
    settlement = Settlement()
    if again.policy.duplicates.over_dataset:
        signals = {part.attempt_id: partial(alone.signals, part, deciding[part.attempt_id]) for part in committed}
        asked = ToSettle(dataset_id, again.policy, alone.plan.basis, committed, todo, signals, again.anew)
        settlement = settle(engine, storage, asked)
    parts = sorted([*todo, *settlement.besides], key=lambda part: part.key)
    plan = replace(alone.plan, pools=gather_pools(alone, parts, deciding, settlement))
    targets = open_sets(engine, dataset_id, plan, parts, settlement)
    left = [part.key for part in chosen if part.score_fingerprint != scored]
    return _Work(again, dataset_id, after, Decider(engine, plan), parts, settlement, targets, left)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What is to be done: `targets` are the decision sets by attempt, None where one was never made.

    `after` is the number of the settling that all of it goes by.
    """

    again: Again
    dataset_id: int
    after: int
    decider: Decider
    parts: Sequence[CommittedPartition]
    settlement: Settlement
    targets: Mapping[int, int | None]
    left: list[str]

    def do(self, advance: Advance, started: float) -> Redecided:
        """Decide partition after partition, and tell what changes."""
        tally, known = Tally(), Counter[bool]()
        differences = join_differences(self._decide_all(tally, known, advance))
        targets = [target for target in self.targets.values() if target is not None]
        return Redecided(
            decision_set=max(targets) if len(targets) == len(self.parts) else None,
            calibration=self.decider.plan.calibration,
            tally=tally,
            decided=known[False],
            known=known[True],
            left=self.left,
            besides=[part.key for part in self.settlement.besides],
            changes=name_changes(self.decider.engine, differences),
            seconds=time.monotonic() - started,
        )

    def _decide_all(
        self, tally: Tally, known: Counter[bool], advance: Advance
    ) -> Iterator[tuple[int, dict[Kind, Difference]]]:
        """Decide partition after partition and tell what changes, by attempt."""
        tasks = self._tasks(self.parts)
        for task, outcome in zip(tasks, decide_in_processes(self.decider, tasks), strict=True):
            tally.count(outcome.before, outcome.after)
            known[outcome.known] += 1
            yield task.part.attempt_id, find_differences(outcome.before, outcome.after)
            advance()

    def _tasks(self, parts: Sequence[CommittedPartition]) -> list[Task]:
        deciding = sets_deciding(self.decider.engine, [part.attempt_id for part in parts])
        found = self.settlement.found
        return [
            Task(part, deciding[part.attempt_id], self.targets[part.attempt_id], found.get(part.attempt_id))
            for part in parts
        ]

    def show(self) -> bool:
        """Make what is decided what the lineage shows; False if it was found beside what is no longer settled so."""
        if not self.decider.plan.writes:
            return True
        shown = {part.attempt_id: target for part in self.parts if (target := self.targets[part.attempt_id])}
        if self.again.policy.duplicates.over_dataset:
            if not self._is_shown(shown) and not show_settled(self.decider.engine, self.dataset_id, shown, self.after):
                return False
        else:
            (target,) = set(shown.values())
            self._catch_up(target)
            activate_decision_set(self.decider.engine, self.dataset_id, target)
        rebuild_manifests(self.decider.engine, self.again.dataset)
        return True

    def _is_shown(self, shown: Mapping[int, int]) -> bool:
        """Say whether everything is settled and shown already."""
        same = all(part.shown_decision_set_id == shown[part.attempt_id] for part in self.parts)
        return same and shown == dict(self.settlement.stays)

    def _catch_up(self, target: int) -> None:
        """Decide what a run has committed anew meanwhile."""
        keys = {part.key for part in self.parts}
        for _ in range(ROUNDS):
            now = [part for part in committed_partitions(self.decider.engine, self.dataset_id) if part.key in keys]
            scored = [part for part in now if part.score_fingerprint == self.decider.plan.score_fingerprint]
            deciding = sets_deciding(self.decider.engine, [part.attempt_id for part in scored])
            tasks = [Task(part, deciding[part.attempt_id], target) for part in scored]
            behind = [task for task in tasks if target not in task.sets]
            for task in behind:
                self.decider.decide(task)
            if not behind:
                return


def _require_scores(policy: Policy, chosen: Sequence[CommittedPartition], todo: Sequence[CommittedPartition]) -> None:
    """Refuse (ConfigError) what cannot be decided from stored scores, before anything is done."""
    if not todo:
        raise ConfigError(
            f"{chosen[0].key} was scored by an encoder that the data set no longer uses: run the source again"
        )
    for text in {part.policy_text for part in todo}:
        _require_read(policy, Policy.model_validate_json(text))


def _require_read(policy: Policy, committed: Policy) -> None:
    """Refuse (ConfigError) a policy that reads sources otherwise than the one that partitions were committed with."""
    if committed.cleaner != policy.cleaner:
        raise ConfigError(
            f"policy {policy.name!r} has captions cleaned by {policy.cleaner}, and what is stored was scored with "
            f"captions cleaned by {committed.cleaner}: run the source with --policy {policy.name}"
        )
    lacking = sorted(policy.source_columns - committed.source_columns)
    if lacking:
        raise ConfigError(
            f"policy {policy.name!r} goes by the source's {', '.join(lacking)}, which was not kept of what is stored: "
            f"run the source with --policy {policy.name}"
        )
