"""Settles what each partition is decided by where copies are looked for in the whole data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Engine

from pairsift.adapters.copies import DatasetCopies, Known, Member, ReadSignals, find_dataset_copies
from pairsift.adapters.store.decisions import CommittedPartition
from pairsift.adapters.store.settlings import SettledAttempt, settled_attempts
from pairsift.adapters.stored import stored_copies
from pairsift.core.calibration import references_of
from pairsift.core.judging import NamedCopies
from pairsift.core.policy import Policy
from pairsift.core.relative import copies_rest_on


@dataclass(frozen=True, slots=True)
class ToSettle:
    """What is to be settled: the `chosen` of a data set's committed `parts`, by a policy on a basis of references.

    `signals` read what the policy's rules go by, by attempt. What earlier settlings let stand stays, unless they are
    decided `anew`.
    """

    dataset_id: int
    policy: Policy
    basis: str
    parts: Sequence[CommittedPartition]
    chosen: Sequence[CommittedPartition]
    signals: Mapping[int, ReadSignals]
    anew: bool


@dataclass(frozen=True, slots=True, eq=False)
class Settlement:
    """By what partitions are decided, by their attempts' ids.

    Those of `stays` as they are under that decision set, those of `found` by these copies, the others by what is found
    in them alone. `besides` are partitions that were not asked for, of which the decisions change.
    """

    stays: Mapping[int, int] = field(default_factory=dict)
    found: Mapping[int, NamedCopies] = field(default_factory=dict)
    besides: Sequence[CommittedPartition] = ()


def settle(engine: Engine, storage: Path, asked: ToSettle) -> Settlement:
    """Find what stays, and the copies of what does not; from the same store always the same, also after a kill."""
    settled = _settled_alike(engine, asked)
    known = [] if asked.anew else [part for part in asked.chosen if _is_settled(part, settled)]
    stays = {part.attempt_id: settled[part.id].decision_set_id for part in known if _holds(settled[part.id], asked)}
    found = {
        part.attempt_id: stored_copies(engine, part, settled[part.id].decision_set_id)
        for part in known
        if part.attempt_id not in stays
    }
    shared = DatasetCopies({}, {})
    if len(known) < len(asked.chosen):
        shared = find_dataset_copies(engine, storage, asked.policy, _members(asked, settled, known), asked.signals)
    changes = {part.attempt_id: part for part in asked.parts if part.attempt_id in shared.changed}
    changes = {id_: part for id_, part in changes.items() if settled[part.id].policy_sha256 == asked.policy.sha256}
    found |= shared.found | {id_: shared.changed[id_] for id_ in changes}
    return Settlement(
        stays={id_: decision_set_id for id_, decision_set_id in stays.items() if id_ not in changes},
        found=found,
        besides=[part for part in changes.values() if part not in asked.chosen],
    )


def _settled_alike(engine: Engine, asked: ToSettle) -> dict[int, SettledAttempt]:
    """Find by partition what was settled last by a policy that finds copies as this one does, among the same pairs.

    Where rules compare with another target set, say, other pairs are left, among which copies are looked for.
    """
    everything = settled_attempts(engine, asked.dataset_id)
    texts = {(each.policy_sha256, each.basis): each.policy_text for each in everything}
    alike = {made for made, text in texts.items() if _finds_alike(asked, Policy.model_validate_json(text), made[1])}
    return {each.partition_id: each for each in everything if (each.policy_sha256, each.basis) in alike}


def _finds_alike(asked: ToSettle, policy: Policy, basis: str) -> bool:
    same = copies_rest_on(policy, basis) == copies_rest_on(asked.policy, asked.basis)
    return same and asked.policy.finds_copies_as(policy)


def _is_settled(part: CommittedPartition, settled: Mapping[int, SettledAttempt]) -> bool:
    """Say whether it is the committed attempt that was settled, not an earlier one."""
    return part.id in settled and settled[part.id].attempt_id == part.attempt_id


def _holds(each: SettledAttempt, asked: ToSettle) -> bool:
    """Say whether decisions are what would be decided again; those by a common pool may be others now."""
    same = (each.policy_sha256, references_of(each.basis))
    return same == (asked.policy.sha256, asked.basis) and not asked.policy.shares_pools


def _members(
    asked: ToSettle, settled: Mapping[int, SettledAttempt], known: Sequence[CommittedPartition]
) -> list[Member]:
    """Say of every committed partition how its pairs are compared, in the order of keys: not a database's collation."""
    scored = asked.chosen[0].score_fingerprint
    now = {part.id for part in asked.chosen} - {part.id for part in known}
    members = []
    for part in sorted(asked.parts, key=lambda part: part.key):
        last = _last(part, settled)
        of_this = last is not None and last.part == part
        before = None if of_this or (asked.anew and part.id in now) else last
        shows = Known(part, part.shown_decision_set_id, settled=False)
        stands = None if part.id in now else last if of_this else shows
        members.append(Member(part, stands, before, embedded=part.score_fingerprint == scored))
    return members


def _last(part: CommittedPartition, settled: Mapping[int, SettledAttempt]) -> Known | None:
    """Give what was settled last of a partition, of its committed attempt or an earlier one."""
    if part.id not in settled:
        return None
    each = settled[part.id]
    of_attempt = replace(part, attempt_id=each.attempt_id, pairs=each.pairs)
    return Known(of_attempt, each.decision_set_id, settled=True)
