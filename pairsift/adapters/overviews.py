"""Gathers what a report shows of a data set: from the store, one partition in memory at a time, and from its source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from pairsift.adapters.cards import Looking
from pairsift.adapters.comparing import Advance, no_progress
from pairsift.adapters.courses import Stands, read_course
from pairsift.adapters.store.columns import decision_columns, score_columns
from pairsift.adapters.store.decisions import (
    CommittedPartition,
    DecisionSetRow,
    attempt_models,
    committed_partitions,
    decision_sets,
    find_dataset,
)
from pairsift.adapters.store.looked_at import CommittedBy, committed_by, request_of
from pairsift.adapters.store.queries import status
from pairsift.adapters.stored import stored_decided, stored_numbers, stored_relative
from pairsift.config import RunRequest
from pairsift.core.duplicates import COPY_REASONS
from pairsift.core.overview import Gallery, Group, Overview, RunRow
from pairsift.core.policy import Policy
from pairsift.core.records import Reason
from pairsift.core.selection import describe_select
from pairsift.core.selects import Fdr, members_of
from pairsift.core.signals import BY_NAME, NUMBERS, RELATIVE
from pairsift.core.surveying import ANY, BEST, JUST_KEPT, JUST_OUT, WORST, Survey, SurveyedPartition, Z, score_of

TITLES = {
    BEST: "Best of the kept",
    JUST_KEPT: "Just kept",
    JUST_OUT: "Just left out",
    WORST: "Lowest scores left out",
    ANY: "Kept, any",
}
LEVELS = ("none", "warn", "fail")
COUNTS = ("read", "kept", "dropped", "quarantined")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which data set, and of it all that stands committed or what one run committed."""

    dataset: str
    run_id: str | None = None


def survey(engine: Engine, asked: Asked, advance: Advance = no_progress) -> Overview | None:
    """Look through what stands committed, and read the pictures of some pairs again from the source.

    None where nothing is committed of the data set, or by the run; ConfigError where there is no such data set.
    """
    dataset_id = find_dataset(engine, asked.dataset)
    made_by = committed_by(engine, dataset_id)
    # Without what is committed just now.
    everything = [part for part in committed_partitions(engine, dataset_id) if part.attempt_id in made_by]
    parts = [part for part in everything if asked.run_id in (None, made_by[part.attempt_id].run_id)]
    if not parts:
        return None
    stands = {str(row["partition"]): row for row in status(engine, asked.dataset)}
    shown = _shown_set(engine, dataset_id, parts)
    policy = Policy.model_validate_json(shown.policy_text)
    score = score_of(policy)
    request = request_of(engine, made_by[parts[-1].attempt_id].run_id)
    seen = Survey()
    for part in parts:
        seen.add(_surveyed(engine, part, score))
        advance()
    return Overview(
        dataset=asked.dataset,
        policy=f"{shown.policy} {shown.version}",
        select=describe_select(policy.select),
        run_id=asked.run_id,
        pairs={name: seen.verdicts[name] for name in COUNTS},
        reasons={reason: seen.reasons[reason] for reason in Reason if reason in seen.reasons},
        cut=seen.cut(score),
        curve=seen.curve,
        alpha=_alpha_of(policy),
        course=read_course(engine, everything, made_by, stands, policy.signals),
        partitions=seen.partitions,
        languages=seen.languages,
        sizes=seen.sizes,
        runs=list(_runs(stands, parts, made_by, seen.partitions)),
        galleries=list(_galleries(seen, Looking(engine, parts, everything, score))),
        facts=_facts(engine, shown, policy, parts, made_by),
        rules=policy.text,
        request=None if request is None else RunRequest.model_validate(request),
    )


def _shown_set(engine: Engine, dataset_id: int, parts: Sequence[CommittedPartition]) -> DecisionSetRow:
    """Give the decision set that most is told of: the active one, else that of the last partition."""
    sets = decision_sets(engine, dataset_id)
    active = [each for each in sets if each.active]
    return active[0] if active else next(each for each in sets if each.id == parts[-1].shown_decision_set_id)


def _alpha_of(policy: Policy) -> float | None:
    return next((chosen.alpha for chosen in members_of(policy.select) if isinstance(chosen, Fdr)), None)


def _surveyed(engine: Engine, part: CommittedPartition, score: str) -> SurveyedPartition:
    decided = stored_decided(engine, part, part.shown_decision_set_id)
    found = decision_columns(engine, part.attempt_id, part.shown_decision_set_id, ["alignment_q", "duplicate_group"])
    sides = ("image.width", "image.height")
    numbers = stored_numbers(engine, part, [*sides, *([score] if score in NUMBERS else [])])
    if score in RELATIVE:
        numbers[score] = stored_relative(engine, part, part.shown_decision_set_id, score)
    languages = score_columns(engine, part.attempt_id, [BY_NAME["text.language"].column])
    return SurveyedPartition(
        key=part.key,
        judged=decided.judged,
        score=decided.calibrated.z if score == Z else numbers[score],
        p=decided.calibrated.p,
        q=np.array([row[0] for row in found], dtype=np.float64),
        languages=np.array([row[0] for row in languages], dtype=np.object_),
        sides=np.minimum(numbers[sides[0]], numbers[sides[1]]),
        groups=np.array([row[1] for row in found], dtype=np.object_),
    )


def _runs(
    stands: Stands,
    parts: Sequence[CommittedPartition],
    made_by: Mapping[int, CommittedBy],
    groups: Sequence[Group],
) -> Iterator[RunRow]:
    """Tell of each run what stands committed by it, the oldest first."""
    by_run: dict[str, list[tuple[CommittedPartition, Group]]] = {}
    for part, group in zip(parts, groups, strict=True):
        by_run.setdefault(made_by[part.attempt_id].run_id, []).append((part, group))
    rows = [
        RunRow(
            run_id=run_id,
            when=max((end for part, _ in found if (end := made_by[part.attempt_id].ended_at)), default=None),
            read=sum(group.read for _, group in found),
            kept=sum(group.kept for _, group in found),
            drift=max((_level(stands[part.key]["drift"]) for part, _ in found), key=LEVELS.index),
        )
        for run_id, found in by_run.items()
    ]
    yield from sorted(rows, key=lambda row: (str(row.when), row.run_id))


def _level(drift: object) -> str:
    return str(drift["level"]) if isinstance(drift, Mapping) else "none"


def _galleries(seen: Survey, looked: Looking) -> Iterator[Gallery]:
    """Show the shortlisted pairs: those around the cut first, then some of every reason, the frequent first."""
    for name, title in TITLES.items():
        if name in seen.shortlists:
            yield Gallery(title, None, looked.cards(seen.shortlists[name].places))
    for reason, _ in seen.reasons.most_common():
        if reason in COPY_REASONS:
            yield Gallery(reason, reason, groups=[looked.group(*group) for group in seen.copies[Reason(reason)].groups])
        else:
            yield Gallery(reason, reason, looked.cards(seen.shortlists[reason].places))


def _facts(
    engine: Engine,
    shown: DecisionSetRow,
    policy: Policy,
    parts: Sequence[CommittedPartition],
    made_by: Mapping[int, CommittedBy],
) -> dict[str, str]:
    last = max(parts, key=lambda part: part.attempt_id)
    by = made_by[last.attempt_id]
    return {
        "policy": f"{shown.policy} version {shown.version}",
        "policy sha256": policy.sha256,
        "selection": describe_select(policy.select),
        "decision set": str(shown.id),
        "decided by another set": str(sum(part.shown_decision_set_id != shown.id for part in parts)) + " partitions",
        "calibration": shown.calibration,
        "score fingerprint": last.score_fingerprint,
        "device, dtype": f"{by.device}, {by.dtype}",
        **{f"model {name}": digest for name, digest in sorted(attempt_models(engine, last.attempt_id).items())},
        **{f"version of {name}": version for name, version in sorted(by.versions.items())},
    }
