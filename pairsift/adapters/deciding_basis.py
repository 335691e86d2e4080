"""What stored partitions are decided by: calibration, sets and pools; and the decision sets that come of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from pairsift.adapters.decider import Decider, DecidingPlan
from pairsift.adapters.evaluation_sets import find_evaluation_sets
from pairsift.adapters.settling import Settlement
from pairsift.adapters.store.decisions import CommittedPartition, decision_sets
from pairsift.adapters.store.registry import (
    current_calibration,
    find_decision_set,
    known_policy,
    open_decision_set,
    register_policy,
)
from pairsift.adapters.targets import find_target
from pairsift.core.calibration import calibration_of, decision_basis
from pairsift.core.deciding import NO_POOLS, run_pools
from pairsift.core.judging import copies_digest
from pairsift.core.policy import Policy
from pairsift.core.relative import relative_identities
from pairsift.core.selection import Pools, join_pools, pools_digest
from pairsift.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Scored:
    """A data set, and the way in which the partitions are scored that are decided."""

    dataset: str
    dataset_id: int
    fingerprint: str


def plan_alone(engine: Engine, storage: Path, policy: Policy, scored: Scored, *, writes: bool) -> DecidingPlan:
    """Find what is decided by, as if each partition were decided alone."""
    known = decision_sets(engine, scored.dataset_id)
    return DecidingPlan(
        storage=storage,
        policy=policy,
        score_fingerprint=scored.fingerprint,
        calibration=_calibration(engine, policy, scored),
        target=find_target(engine, policy, scored.fingerprint),
        evaluation_sets=find_evaluation_sets(engine, policy, scored.fingerprint),
        calibrations={each.id: calibration_of(each.calibration) for each in known},
        relatives={
            each.id: relative_identities(Policy.model_validate_json(each.policy_text), each.calibration)
            for each in known
        },
        pools=NO_POOLS,
        writes=writes,
    )


def _calibration(engine: Engine, policy: Policy, scored: Scored) -> str | None:
    """Give the calibration to decide by, None where the policy needs none; ConfigError where there is none."""
    if not policy.needs_calibration:
        return None
    calibration = current_calibration(engine, scored.dataset_id, scored.fingerprint)
    if calibration is None:
        raise ConfigError(
            f"policy {policy.name!r} goes by a calibration, and the data set has none: `pairsift calibrate "
            f"{scored.dataset}` makes one"
        )
    return calibration


def gather_pools(
    decider: Decider,
    parts: Sequence[CommittedPartition],
    deciding: Mapping[int, Sequence[int]],
    settlement: Settlement,
) -> Pools:
    """Gather the pools of all partitions that are decided together, one of them in memory at a time."""
    policy = decider.plan.policy
    if not policy.shares_pools:
        return NO_POOLS
    tables = (decider.table(part, deciding[part.attempt_id], settlement.found.get(part.attempt_id)) for part in parts)
    return join_pools(run_pools(table, policy) for table in tables)


def open_sets(
    engine: Engine, dataset_id: int, plan: DecidingPlan, parts: Sequence[CommittedPartition], settlement: Settlement
) -> dict[int, int | None]:
    """Find the decision set of every attempt, making it known if that is planned.

    What other partitions say is part of a set's identity, so that the same findings make the same set.
    """
    found, pools = settlement.found, pools_digest(plan.pools)
    digest = copies_digest({part.key: found[part.attempt_id] for part in parts if part.attempt_id in found})
    alone, shared = plan.basis, decision_basis(plan.basis, pools, digest)
    going_by = {
        part.attempt_id: shared if pools or part.attempt_id in found else alone
        for part in parts
        if part.attempt_id not in settlement.stays
    }
    ids = {basis: _open_set(engine, dataset_id, plan, basis) for basis in sorted(set(going_by.values()))}
    return {**settlement.stays, **{attempt_id: ids[basis] for attempt_id, basis in going_by.items()}}


def _open_set(engine: Engine, dataset_id: int, plan: DecidingPlan, basis: str) -> int | None:
    policy = plan.policy
    named = (policy.name, str(policy.version), policy.sha256)
    policy_id = known_policy(engine, *named)
    if plan.writes:
        policy_id = register_policy(engine, *named, policy.text)
        return open_decision_set(engine, dataset_id, policy_id, basis)
    return None if policy_id is None else find_decision_set(engine, dataset_id, policy_id, basis)
