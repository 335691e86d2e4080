"""Relative signals of pairs: what a policy goes by that compares a pair with a reference set."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pairsift.core.arrays import Flags, Floats
from pairsift.core.calibration import Calibration, EmbeddedPairs, calibration_of, contrast, evaluation_of, target_of
from pairsift.core.columns import Columns
from pairsift.core.double_normalisation import Reference
from pairsift.core.evaluation_sets import EvaluationSet, Suspects, find_matches
from pairsift.core.judgements import reason_code
from pairsift.core.neg_clip_loss import neg_clip_loss
from pairsift.core.norm_sim import TargetSet, norm_sim
from pairsift.core.policy import Policy
from pairsift.core.records import Reason
from pairsift.core.selects import ALIGNMENT, Pool, PoolRequest
from pairsift.core.signals import NEG_CLIP_LOSS, NORM_SIM

DECONTAMINATED = "decontaminated"
"""Stands among relative signals for what is found of evaluation sets."""


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """What a policy compares pairs with: the data set's calibration, its target set, and evaluation sets by name."""

    calibration: Calibration | None = None
    target: TargetSet | None = None
    evaluation: Mapping[str, EvaluationSet] = field(default_factory=dict)


def relative_signals(
    policy: Policy, references: References, pairs: EmbeddedPairs, eligible: Flags
) -> dict[str, Floats]:
    """Compute the relative signals that a policy goes by: (n,) float64 by name, NaN where a pair has none.

    `eligible` (n,) bool are the pairs that can be calibrated; near a target set a picture is without its caption, too.
    """
    found: dict[str, Floats] = {}
    if NEG_CLIP_LOSS in policy.relative:
        found[NEG_CLIP_LOSS] = contrast(references.calibration, pairs, eligible, policy.tau)
    if policy.target is not None and references.target is not None:
        seen = np.isfinite(pairs.image).all(axis=1) & (pairs.image.shape[1] > 0)
        found[NORM_SIM] = np.full(len(seen), np.nan)
        found[NORM_SIM][seen] = norm_sim(pairs.image[seen], references.target, policy.target.norm)
    return found


def complete(columns: Columns, relative: Mapping[str, Floats]) -> Columns:
    """Put relative signals beside the measured ones; where one is absent, the alignment says why, if it does."""
    known = columns.why_absent(ALIGNMENT)
    why = np.where(known > 0, known, reason_code(Reason.SIGNAL_UNMEASURABLE))
    reasons = {name: np.where(np.isnan(values), why, 0).astype(np.uint8) for name, values in relative.items()}
    return replace(columns, signals={**columns.signals, **relative}, reasons={**columns.reasons, **reasons})


def decontaminated(policy: Policy, references: References, suspects: Suspects, columns: Columns) -> Columns:
    """Say of pairs which are in an evaluation set, if the policy drops these."""
    if policy.decontaminate is None:
        return columns
    found = find_matches(policy.decontaminate, references.evaluation, suspects, columns, policy.cleaner)
    return replace(columns, matches=found)


def frozen_pools(policy: Policy, references: References) -> dict[PoolRequest, Floats]:
    """Give those of a policy's pools that are the calibration's: a frozen cut; without a calibration there are none.

    Its pairs have relative signals as any other pair has them.
    """
    requests = [request for request in policy.pools if request.pool is Pool.CALIBRATION]
    if references.calibration is None or not requests:
        return {}
    values = {**references.calibration.values, **_of_reference(policy, references.calibration.reference, references)}
    return {request: values[request.signal] for request in requests}


def _of_reference(policy: Policy, reference: Reference, references: References) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    if NEG_CLIP_LOSS in policy.relative:
        every_row = np.arange(len(reference.pairs))
        found[NEG_CLIP_LOSS] = neg_clip_loss(reference.pairs, every_row, reference, policy.tau)
    if policy.target is not None and references.target is not None:
        found[NORM_SIM] = norm_sim(reference.pairs.image, references.target, policy.target.norm)
    return found


def relative_identities(policy: Policy, basis: str) -> dict[str, str]:
    """Name what each relative signal of decisions by a policy on a basis depends on, beside the pair.

    By DECONTAMINATED, what the evaluation sets' matches depend on.
    """
    found = {}
    if NEG_CLIP_LOSS in policy.relative:
        found[NEG_CLIP_LOSS] = f"{calibration_of(basis)} {policy.tau!r}"
    if policy.target is not None:
        found[NORM_SIM] = f"{target_of(basis)} {policy.target.norm}"
    if policy.decontaminate is not None:
        found[DECONTAMINATED] = f"{evaluation_of(basis)} {policy.decontaminate.model_dump_json()}"
    return found


def copies_rest_on(policy: Policy, basis: str) -> dict[str, str]:
    """Name what it depends on, beside policy and pairs, among which pairs copies are looked for.

    It is what rules compare pairs with, and evaluation sets: a selection comes after copies.
    """
    of_rules = {condition.signal for rule in policy.rules for condition in (rule, *rule.unless)}
    identities = relative_identities(policy, basis)
    return {name: identity for name, identity in identities.items() if name in of_rules | {DECONTAMINATED}}
