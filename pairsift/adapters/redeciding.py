"""Decides a data set's committed partitions again, from what is stored: no model runs and no image is read."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine

from pairsift.adapters.comparing import Advance, Changed, name_changes, no_progress
from pairsift.adapters.decider import Decider, DecidingPlan, decide_in_processes
from pairsift.adapters.manifests import rebuild_manifests
from pairsift.adapters.store.decisions import (
    CommittedPartition,
    committed_partitions,
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
from pairsift.adapters.targets import find_target
from pairsift.core.calibration import calibration_of
from pairsift.core.conditions import nearest
from pairsift.core.deciding import NO_POOLS, run_pools
from pairsift.core.differences import Difference, Kind, find_differences, join_differences
from pairsift.core.policy import Policy
from pairsift.core.relative import relative_identities
from pairsift.core.selection import Pools, join_pools
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
    decider = Decider(engine, _plan(engine, storage, again, Standing(dataset_id, scored, todo)))
    tally, known = Tally(), Counter[bool]()
    differences = join_differences(_decide_all(decider, todo, tally, known, advance))
    if decider.plan.decision_set_id is not None and decider.plan.writes:
        _catch_up(decider, dataset_id, todo)
        activate_decision_set(engine, dataset_id, decider.plan.decision_set_id)
        rebuild_manifests(engine, again.dataset)
    return Redecided(
        decision_set=decider.plan.decision_set_id,
        calibration=decider.plan.calibration,
        tally=tally,
        decided=known[False],
        known=known[True],
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


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What is decided about: the data set, how it was scored, and its partitions."""

    dataset_id: int
    scored: str
    parts: Sequence[CommittedPartition]


def _run_pools(decider: Decider, parts: Sequence[CommittedPartition]) -> Pools:
    """Gather the pools of all partitions that are decided together, one of them in memory at a time."""
    policy = decider.plan.policy
    if not policy.settles:
        return NO_POOLS
    deciding = sets_deciding(decider.engine, [part.attempt_id for part in parts])
    return join_pools(run_pools(decider.table(part, deciding[part.attempt_id]), policy) for part in parts)


def _plan(engine: Engine, storage: Path, again: Again, standing: Standing) -> DecidingPlan:
    """Find what is decided by, and the decision set, making it known unless nothing is to be written."""
    plan = _plan_alone(engine, storage, again, standing)
    plan = replace(plan, pools=_run_pools(Decider(engine, plan), standing.parts))
    return replace(plan, decision_set_id=_find_set(engine, again, standing.dataset_id, plan.basis))


def _plan_alone(engine: Engine, storage: Path, again: Again, standing: Standing) -> DecidingPlan:
    """Find calibration and target set, and what is decided already, as if each partition were decided alone."""
    policy, dataset_id, scored = again.policy, standing.dataset_id, standing.scored
    calibration = current_calibration(engine, dataset_id, scored) if policy.needs_calibration else None
    if policy.needs_calibration and calibration is None:
        raise ConfigError(
            f"policy {policy.name!r} goes by a calibration, and the data set has none: `pairsift calibrate "
            f"{again.dataset}` makes one"
        )
    known = decision_sets(engine, dataset_id)
    return DecidingPlan(
        storage=storage,
        policy=policy,
        score_fingerprint=scored,
        calibration=calibration,
        target=find_target(engine, policy, scored),
        calibrations={each.id: calibration_of(each.calibration) for each in known},
        relatives={
            each.id: relative_identities(Policy.model_validate_json(each.policy_text), each.calibration)
            for each in known
        },
        pools=NO_POOLS,
        decision_set_id=None,
        writes=not again.dry_run,
    )


def _find_set(engine: Engine, again: Again, dataset_id: int, basis: str) -> int | None:
    named = (again.policy.name, str(again.policy.version), again.policy.sha256)
    policy_id = known_policy(engine, *named)
    if not again.dry_run:
        policy_id = register_policy(engine, *named, again.policy.text)
        return open_decision_set(engine, dataset_id, policy_id, basis)
    return None if policy_id is None else find_decision_set(engine, dataset_id, policy_id, basis)


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


def _decide_all(
    decider: Decider, parts: Sequence[CommittedPartition], tally: Tally, known: Counter[bool], advance: Advance
) -> Iterator[tuple[int, dict[Kind, Difference]]]:
    """Decide partition after partition and tell what changes, by attempt."""
    deciding = sets_deciding(decider.engine, [part.attempt_id for part in parts])
    tasks = [(part, deciding[part.attempt_id]) for part in parts]
    for part, outcome in zip(parts, decide_in_processes(decider, tasks), strict=True):
        tally.count(outcome.before, outcome.after)
        known[outcome.known] += 1
        yield part.attempt_id, find_differences(outcome.before, outcome.after)
        advance()


def _catch_up(decider: Decider, dataset_id: int, parts: Sequence[CommittedPartition]) -> None:
    """Decide what a run has committed anew meanwhile."""
    keys = {part.key for part in parts}
    for _ in range(ROUNDS):
        now = [part for part in committed_partitions(decider.engine, dataset_id) if part.key in keys]
        deciding = sets_deciding(decider.engine, [part.attempt_id for part in now])
        same_encoder = (part for part in now if part.score_fingerprint == decider.plan.score_fingerprint)
        behind = [part for part in same_encoder if decider.plan.decision_set_id not in deciding[part.attempt_id]]
        for part in behind:
            decider.decide(part, deciding[part.attempt_id])
        if not behind:
            return
