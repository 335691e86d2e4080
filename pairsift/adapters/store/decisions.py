"""Deciding committed attempts again: which there are, under which decision sets, and appending others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, func, or_, select

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.engine import writing
from pairsift.adapters.store.entering import (
    append_decisions,
    enter_decided,
    prepare_decisions,
    replace_exports,
    verdict_counts,
)
from pairsift.adapters.store.rows import DecidedRow, ExportRow
from pairsift.adapters.store.tables import (
    attempt,
    attempt_model,
    dataset,
    decided_attempt,
    decision,
    decision_set,
    model,
    pair,
    partition,
    policy,
    score,
)
from pairsift.core.conditions import nearest
from pairsift.core.forgetting import FORGOTTEN_UID
from pairsift.core.judgements import SELECTED_OUT
from pairsift.core.records import Reason, Verdict
from pairsift.errors import ConfigError, ConservationError, ForgottenError

ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class CommittedPartition:
    """A partition's committed attempt; `policy_text` is of the policy that it was committed with."""

    id: int
    key: str
    attempt_id: int
    number: int
    pairs: int
    chunks: tuple[str, ...]
    score_fingerprint: str
    shown_decision_set_id: int
    policy_text: str


@dataclass(frozen=True, slots=True)
class DecisionSetRow:
    """A decision set of a data set, with its policy; `calibration` is UNCALIBRATED without one."""

    id: int
    policy: str
    version: str
    policy_sha256: str
    policy_text: str
    calibration: str
    active: bool

    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.id} ({self.policy}@{self.version})"


def find_dataset(engine: Engine, name: str) -> int:
    """Give a data set's id; ConfigError with the nearest name if there is none."""
    with engine.connect() as connection:
        known: dict[str, int] = dict(connection.execute(select(dataset.c.name, dataset.c.id)).tuples().all())
    if name not in known:
        hint = nearest(name, known) if known else "nothing has been curated yet: pairsift run SOURCE"
        raise ConfigError(f"there is no data set {name!r}; {hint}")
    return known[name]


def committed_partitions(engine: Engine, dataset_id: int) -> list[CommittedPartition]:
    """List, by key, the partitions that have a committed attempt."""
    stands = attempt.c.id == partition.c.committed_attempt_id
    query = _select_committed().join(attempt, stands).where(partition.c.dataset_id == dataset_id)
    return _committed(engine, query)


def attempt_alone(engine: Engine, attempt_id: int) -> CommittedPartition:
    """Give a partition as if one of its attempts, which was committed once, stood committed."""
    query = _select_committed().join(attempt, attempt.c.partition_id == partition.c.id)
    (part,) = _committed(engine, query.where(attempt.c.id == attempt_id))
    return part


def _select_committed() -> Select[Any]:
    return select(
        partition.c.id,
        partition.c.key,
        attempt.c.id.label("attempt_id"),
        attempt.c.number,
        attempt.c.n_read.label("pairs"),
        attempt.c.chunks,
        attempt.c.score_fingerprint,
        partition.c.shown_decision_set_id,
        policy.c.text.label("policy_text"),
    ).select_from(partition)


def _committed(engine: Engine, query: Select[Any]) -> list[CommittedPartition]:
    by = query.join(decision_set, decision_set.c.id == attempt.c.decision_set_id).join(
        policy, policy.c.id == decision_set.c.policy_id
    )
    with engine.connect() as connection:
        rows = [row._asdict() for row in connection.execute(by.order_by(partition.c.key))]
    return [CommittedPartition(**{**row, "chunks": tuple(row["chunks"])}) for row in rows]


def newest_scores(parts: Sequence[CommittedPartition]) -> str:
    """Tell how a data set is scored now: as the attempt that was begun last is. ConfigError where none is committed."""
    if not parts:
        raise ConfigError("no partition of this data set is committed yet: `pairsift status` shows how far they are")
    return max(parts, key=lambda part: part.attempt_id).score_fingerprint


def decision_sets(engine: Engine, dataset_id: int) -> list[DecisionSetRow]:
    """List a data set's decision sets, the oldest first."""
    query = (
        select(
            decision_set.c.id,
            policy.c.name,
            policy.c.version,
            policy.c.sha256,
            policy.c.text,
            decision_set.c.calibration,
            func.coalesce(dataset.c.active_decision_set_id == decision_set.c.id, False),
        )
        .join(policy, policy.c.id == decision_set.c.policy_id)
        .join(dataset, dataset.c.id == decision_set.c.dataset_id)
        .where(decision_set.c.dataset_id == dataset_id)
        .order_by(decision_set.c.id)
    )
    with engine.connect() as connection:
        return [DecisionSetRow(*row) for row in connection.execute(query)]


def sets_deciding(engine: Engine, attempt_ids: Sequence[int]) -> dict[int, list[int]]:
    """Name for each of some attempts the decision sets that it is decided under, the oldest first."""
    found: dict[int, list[int]] = {attempt_id: [] for attempt_id in attempt_ids}
    query = select(decided_attempt.c.attempt_id, decided_attempt.c.decision_set_id)
    with engine.connect() as connection:
        for ids in in_batches(attempt_ids):
            here = query.where(decided_attempt.c.attempt_id.in_(ids)).order_by(decided_attempt.c.decision_set_id)
            for attempt_id, decision_set_id in connection.execute(here):
                found[attempt_id].append(decision_set_id)
    return found


def decide_attempt(engine: Engine, made: DecidedRow, rows: Iterable[tuple[object, ...]]) -> bool:
    """Append a committed attempt's decisions under another decision set, all or nothing; False if they are there.

    Two at once never double a row: the second waits for the first, and finds them there. ConservationError if they
    are not exactly as counted. The rows are of an attempt, which never changes: if its partition has been committed
    again meanwhile they do no harm. ForgottenError if one of its pairs was taken down since it was read.
    """
    prepared = list(prepare_decisions(made.attempt_id, made.decision_set_id, rows))  # while no one waits for the lock
    with writing(engine) as connection:
        if not enter_decided(connection, made):
            return False
        append_decisions(connection, prepared)
        _refuse_forgotten(connection, made)
        found = verdict_counts(connection, made.attempt_id, made.decision_set_id)
        if found != made.counts or not found.conserved:
            raise ConservationError(
                f"attempt {made.attempt_id}: {made.counts} were to be decided, but {found} are: a bug, report it"
            )
    return True


def _refuse_forgotten(connection: Connection, made: DecidedRow) -> None:
    """Refuse decisions that say anything else of a pair that was taken down than that it was."""
    same_pair = and_(decision.c.attempt_id == pair.c.attempt_id, decision.c.ordinal == pair.c.ordinal)
    otherwise = (
        select(pair.c.ordinal)
        .join(decision, same_pair)
        .where(pair.c.uid == FORGOTTEN_UID, pair.c.attempt_id == made.attempt_id)
        .where(decision.c.decision_set_id == made.decision_set_id)
        .where(decision.c.reason.is_distinct_from(Reason.FORGOTTEN))
    )
    if connection.execute(otherwise.limit(1)).one_or_none() is not None:
        raise ForgottenError(
            f"pairs of attempt {made.attempt_id} were forgotten meanwhile: give the same command again"
        )


def enter_export(
    engine: Engine, part: CommittedPartition, decision_set_id: int, out_uri: str, files: Sequence[ExportRow]
) -> bool:
    """Enter the files written of an attempt's decisions.

    False if its partition was committed anew meanwhile, or has other chunks, since some of its pairs were taken down.
    """
    # The row is locked, as by every other writer of exports: two that enter the same wait for each other.
    lock = select(partition.c.committed_attempt_id).where(partition.c.id == part.id).with_for_update(key_share=True)
    with writing(engine) as connection:
        if connection.scalar(lock) != part.attempt_id:
            return False
        chunks = select(attempt.c.chunks).where(attempt.c.id == part.attempt_id)
        if connection.execute(chunks).scalar_one() != list(part.chunks):
            return False
        replace_exports(connection, part.attempt_id, decision_set_id, out_uri, files)
    return True


def attempt_models(engine: Engine, attempt_id: int) -> dict[str, str]:
    """Give the fingerprints of the models that an attempt used, by what they do."""
    query = (
        select(model.c.name, model.c.fingerprint)
        .join(attempt_model, attempt_model.c.model_id == model.c.id)
        .where(attempt_model.c.attempt_id == attempt_id)
    )
    with engine.connect() as connection:
        return dict(connection.execute(query).tuples().all())


def smallest_survivors(engine: Engine, dataset_id: int, score_fingerprint: str, count: int) -> list[tuple[int, int]]:
    """Name by attempt and ordinal the pairs of the `count` smallest uids that a calibration may be made of.

    Those are the survivors of rules and copies by the verdicts shown, with an alignment. Of a uid that several
    partitions have it is one of them.
    """
    survived = or_(decision.c.verdict == Verdict.KEEP, decision.c.reason.in_(SELECTED_OUT))
    same_score = and_(score.c.attempt_id == pair.c.attempt_id, score.c.ordinal == pair.c.ordinal)
    shown = and_(
        decision.c.attempt_id == pair.c.attempt_id,
        decision.c.decision_set_id == partition.c.shown_decision_set_id,
        decision.c.ordinal == pair.c.ordinal,
    )
    query = (
        select(pair.c.uid, pair.c.attempt_id, pair.c.ordinal)
        .join(partition, partition.c.committed_attempt_id == pair.c.attempt_id)
        .join(attempt, attempt.c.id == pair.c.attempt_id)
        .join(score, same_score)
        .join(decision, shown)
        .where(partition.c.dataset_id == dataset_id, attempt.c.score_fingerprint == score_fingerprint)
        .where(survived, score.c.pair_alignment.is_not(None))
        .order_by(pair.c.uid, pair.c.attempt_id, pair.c.ordinal)
    )
    found: dict[str, tuple[int, int]] = {}
    with engine.connect().execution_options(yield_per=ROWS_AT_ONCE) as connection, connection.execute(query) as rows:
        for uid, attempt_id, ordinal in rows:
            if len(found) == count and uid not in found:
                break
            found.setdefault(uid, (attempt_id, ordinal))
    return list(found.values())


def keys_of(engine: Engine, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """Give the keys of some pairs, named by attempt and ordinal."""
    query = select(pair.c.key)
    with engine.connect() as connection:
        return {
            place: connection.execute(query.filter_by(attempt_id=place[0], ordinal=place[1])).scalar_one()
            for place in pairs
        }
