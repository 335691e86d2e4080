"""Gathers what a report shows of a data set: from the store, one partition in memory at a time, and from its source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Engine

from pairsift.adapters.comparing import Advance, no_progress
from pairsift.adapters.sources import read_image
from pairsift.adapters.store.decisions import (
    CommittedPartition,
    DecisionSetRow,
    attempt_models,
    committed_partitions,
    decision_columns,
    decision_sets,
    find_dataset,
    score_columns,
)
from pairsift.adapters.store.looked_at import (
    CommittedBy,
    committed_by,
    ordinal_of,
    pair_shown,
    request_of,
)
from pairsift.adapters.store.queries import status
from pairsift.adapters.stored import stored_decided, stored_numbers, stored_relative
from pairsift.config import PreprocessConfig, RunRequest
from pairsift.core.overview import Card, Gallery, Group, Overview, RunRow
from pairsift.core.policy import Policy
from pairsift.core.records import IngestedPair, Location, Reason
from pairsift.core.selection import describe_select
from pairsift.core.selects import ALIGNMENT, Fdr, members_of
from pairsift.core.signals import BY_NAME, NUMBERS, RELATIVE
from pairsift.core.surveying import ANY, BEST, JUST_KEPT, JUST_OUT, WORST, Place, Survey, SurveyedPartition
from pairsift.core.thumbnails import make_thumbnail
from pairsift.errors import SourceChangedError, SourceError, StorageDeniedError, StorageError

Z = "z of pair.alignment"
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
    parts = [part for part in committed_partitions(engine, dataset_id) if _is_asked(asked, made_by[part.attempt_id])]
    if not parts:
        return None
    shown = _shown_set(engine, dataset_id, parts)
    policy = Policy.model_validate_json(shown.policy_text)
    score = _score_of(policy)
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
        reasons=dict(seen.reasons.most_common()),
        cut=seen.cut(score, BY_NAME[score].unit) if score != Z else seen.cut(Z, "standard deviations", tested=True),
        curve=seen.curve,
        partitions=seen.partitions,
        languages=seen.languages,
        sizes=seen.sizes,
        runs=list(_runs(engine, asked.dataset, parts, made_by, seen.partitions)),
        galleries=list(_galleries(engine, seen, parts, score)),
        facts=_facts(engine, shown, policy, parts, made_by),
        request=None if request is None else RunRequest.model_validate(request),
    )


def _is_asked(asked: Asked, by: CommittedBy) -> bool:
    return asked.run_id is None or by.run_id == asked.run_id


def _shown_set(engine: Engine, dataset_id: int, parts: Sequence[CommittedPartition]) -> DecisionSetRow:
    """Give the decision set that most is told of: the active one, else that of the last partition."""
    sets = decision_sets(engine, dataset_id)
    active = [each for each in sets if each.active]
    return active[0] if active else next(each for each in sets if each.id == parts[-1].shown_decision_set_id)


def _score_of(policy: Policy) -> str:
    """Name what survivors are ordered by: z where `fdr` selects, else the selection's first signal, if it is stored."""
    chosen = members_of(policy.select)[0]
    if isinstance(chosen, Fdr):
        return Z
    return chosen.signal if chosen.signal in NUMBERS or chosen.signal in RELATIVE else ALIGNMENT


def _surveyed(engine: Engine, part: CommittedPartition, score: str) -> SurveyedPartition:
    decided = stored_decided(engine, part, part.shown_decision_set_id)
    q = decision_columns(engine, part.attempt_id, part.shown_decision_set_id, ["alignment_q"])
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
        q=np.array([row[0] for row in q], dtype=np.float64),
        languages=np.array([row[0] for row in languages], dtype=np.object_),
        sides=np.minimum(numbers[sides[0]], numbers[sides[1]]),
    )


def _runs(
    engine: Engine,
    dataset: str,
    parts: Sequence[CommittedPartition],
    made_by: Mapping[int, CommittedBy],
    groups: Sequence[Group],
) -> Iterator[RunRow]:
    """Tell of each run what stands committed by it, the oldest first."""
    drifts = {str(row["partition"]): _level(row["drift"]) for row in status(engine, dataset)}
    by_run: dict[str, list[tuple[CommittedPartition, Group]]] = {}
    for part, group in zip(parts, groups, strict=True):
        by_run.setdefault(made_by[part.attempt_id].run_id, []).append((part, group))
    rows = [
        RunRow(
            run_id=run_id,
            when=max((end for part, _ in found if (end := made_by[part.attempt_id].ended_at)), default=None),
            read=sum(group.read for _, group in found),
            kept=sum(group.kept for _, group in found),
            drift=max((drifts.get(part.key, "none") for part, _ in found), key=LEVELS.index),
        )
        for run_id, found in by_run.items()
    ]
    yield from sorted(rows, key=lambda row: (str(row.when), row.run_id))


def _level(drift: object) -> str:
    return str(drift["level"]) if isinstance(drift, Mapping) else "none"


def _galleries(engine: Engine, seen: Survey, parts: Sequence[CommittedPartition], score: str) -> Iterator[Gallery]:
    """Show the shortlisted pairs: those around the cut first, then some of every reason, the frequent first."""
    looked = _Looking(engine, parts, score)
    for name, title in TITLES.items():
        if name in seen.shortlists:
            yield Gallery(title, None, looked.cards(seen.shortlists[name].places))
    for reason, _ in seen.reasons.most_common():
        yield Gallery(reason, reason, looked.with_keepers(seen.shortlists[reason].places))


@dataclass(frozen=True)
class _Looking:
    """Looks at single pairs of some partitions."""

    engine: Engine
    parts: Sequence[CommittedPartition]
    score: str

    def cards(self, places: Sequence[Place]) -> list[Card]:
        return [self._card(self.parts[number], ordinal) for number, ordinal in places]

    def with_keepers(self, places: Sequence[Place]) -> list[Card]:
        """Show every copy with the pair that is kept in its place behind it."""
        cards: list[Card] = []
        for card in self.cards(places):
            cards.append(card)
            keeper = None if card.duplicate_of is None else self._named(card.duplicate_of)
            cards += [] if keeper is None else [keeper]
        return cards

    def _named(self, name: str) -> Card | None:
        """Find a pair by PARTITION/KEY, both of which may have slashes."""
        for part in self.parts:
            if name.startswith(f"{part.key}/"):
                ordinal = ordinal_of(self.engine, part.attempt_id, name.removeprefix(f"{part.key}/"))
                if ordinal is not None:
                    return self._card(part, ordinal)
        return None

    def _card(self, part: CommittedPartition, ordinal: int) -> Card:
        row = pair_shown(self.engine, part.attempt_id, ordinal, part.shown_decision_set_id)
        picture = _picture(row)
        return Card(
            partition=part.key,
            key=row["key"],
            uid=row["uid"],
            caption=row["caption"] or row["raw_caption"] or "",
            verdict=row["verdict"],
            reason=row["reason"],
            score=row["alignment_z"] if self.score == Z else row[BY_NAME[self.score].column],
            p=row["alignment_p"],
            q=row["alignment_q"],
            width=row["image_width"],
            height=row["image_height"],
            duplicate_of=row["duplicate_of"],
            picture=picture if isinstance(picture, bytes) else None,
            unseen=None if isinstance(picture, bytes) else picture,
        )


def _picture(row: Mapping[str, Any]) -> bytes | str:
    """Make a small picture of a pair's image; in words why there is none, where it cannot be had or decoded."""
    if row["source_uri"] is None:
        return str(Reason.IMAGE_MISSING)
    if row["image_width"] is None:
        return str(row["reason"])  # what could not be decoded may end a process that tries, and this one is not limited
    place = Location(row["source_uri"], row["byte_offset"], row["byte_size"])
    pair = IngestedPair(0, row["uid"], row["key"], place, row["image_sha256"], None)
    try:
        made = make_thumbnail(read_image(pair), PreprocessConfig())
    except SourceChangedError:
        return "not in the source any more"
    except (SourceError, StorageDeniedError, StorageError, OSError):
        return "the source cannot be read now"
    return str(made) if isinstance(made, Reason) else made


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
