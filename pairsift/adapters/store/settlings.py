"""Settlings: what was decided with the whole data set in view, numbered, and shown in one step."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select, update

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.engine import writing
from pairsift.adapters.store.tables import attempt, dataset, decided_attempt, decision_set, partition, policy


@dataclass(frozen=True, slots=True)
class SettledAttempt:
    """An attempt's decisions that a settling confirmed; `basis` is the decision set's."""

    partition_id: int
    attempt_id: int
    pairs: int
    decision_set_id: int
    basis: str
    policy_sha256: str
    policy_text: str


def settled_attempts(engine: Engine, dataset_id: int) -> list[SettledAttempt]:
    """List what settlings of a data set confirmed, the last one's last."""
    query = (
        select(
            attempt.c.partition_id,
            attempt.c.id,
            attempt.c.n_read,
            decision_set.c.id,
            decision_set.c.calibration,
            policy.c.sha256,
            policy.c.text,
        )
        .select_from(decided_attempt)
        .join(attempt, attempt.c.id == decided_attempt.c.attempt_id)
        .join(decision_set, decision_set.c.id == decided_attempt.c.decision_set_id)
        .join(policy, policy.c.id == decision_set.c.policy_id)
        .where(decision_set.c.dataset_id == dataset_id, decided_attempt.c.settling.is_not(None))
        .order_by(decided_attempt.c.settling, attempt.c.id)
    )
    with engine.connect() as connection:
        return [SettledAttempt(*row) for row in connection.execute(query)]


def last_settling(engine: Engine, dataset_id: int) -> int:
    """Give the number of a data set's last settling, 0 before the first."""
    with engine.connect() as connection:
        return _last_settling(connection, dataset_id)


def show_settled(engine: Engine, dataset_id: int, shown: Mapping[int, int], after: int) -> bool:
    """Show of some attempts the decisions under a decision set each, `{attempt: set}` in the order of partitions' keys.

    It is the settling after number `after`, and its newest decision set becomes the active one. False, and nothing is
    done, if there was another one meanwhile: what was found beside the former may be wrong beside it. An attempt that
    is no longer committed shows nothing.
    """
    with writing(engine) as connection:
        connection.execute(select(dataset.c.id).where(dataset.c.id == dataset_id).with_for_update(key_share=True))
        if _last_settling(connection, dataset_id) != after:
            return False
        active = update(dataset).where(dataset.c.id == dataset_id)
        connection.execute(active.values(active_decision_set_id=max(shown.values())))
        for ids in in_batches(list(shown)):
            here = partition.c.committed_attempt_id.in_(ids)
            # In one order, as `register_partitions`: two that lock the same rows in two orders would deadlock.
            locked = select(partition.c.id).where(here).order_by(partition.c.key)
            connection.execute(locked.with_for_update(key_share=True))
            for decision_set_id in sorted({shown[attempt_id] for attempt_id in ids}):
                of_set = [attempt_id for attempt_id in ids if shown[attempt_id] == decision_set_id]
                _show(connection, of_set, decision_set_id, after + 1)
    return True


def _show(connection: Connection, attempt_ids: list[int], decision_set_id: int, settling: int) -> None:
    decided = update(decided_attempt).where(
        decided_attempt.c.attempt_id.in_(attempt_ids), decided_attempt.c.decision_set_id == decision_set_id
    )
    connection.execute(decided.values(settling=settling))
    of_attempts = update(partition).where(partition.c.committed_attempt_id.in_(attempt_ids))
    connection.execute(of_attempts.values(shown_decision_set_id=decision_set_id))


def _last_settling(connection: Connection, dataset_id: int) -> int:
    query = (
        select(func.coalesce(func.max(decided_attempt.c.settling), 0))
        .join(decision_set, decision_set.c.id == decided_attempt.c.decision_set_id)
        .where(decision_set.c.dataset_id == dataset_id)
    )
    return int(connection.execute(query).scalar_one())
