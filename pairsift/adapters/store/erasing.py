"""Erases pairs of one partition: nothing in the place of their rows, and chunks without them."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, exists, insert, or_, select, update

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.entering import verdict_counts
from pairsift.adapters.store.holders import at_work
from pairsift.adapters.store.rows import ChunkRow
from pairsift.adapters.store.tables import (
    attempt,
    chunk,
    decided_attempt,
    decision,
    export,
    pair,
    partition,
    release_partition,
    score,
)
from pairsift.adapters.store.takedowns import FoundPair, doom, lock_partition
from pairsift.core.forgetting import FORGOTTEN_KEY, FORGOTTEN_UID, hidden
from pairsift.core.records import Reason, Verdict
from pairsift.core.signals import SIGNALS

_BLANK_PAIR = {
    **dict.fromkeys(name for name in pair.c.keys() if name not in {"attempt_id", "ordinal"}),  # noqa: SIM118 - columns
    "key": FORGOTTEN_KEY,
    "uid": FORGOTTEN_UID,
}
_BLANK_SCORE: dict[str, object] = {signal.column: None for signal in SIGNALS} | {"extra": {}}
_KEEPS = {"attempt_id", "decision_set_id", "ordinal", "multiplicity"}
_BLANK_DECISION = {
    **dict.fromkeys(name for name in decision.c.keys() if name not in _KEEPS),  # noqa: SIM118 - columns
    "verdict": Verdict.DROP,
    "reason": Reason.FORGOTTEN,
    "multiplicity": 1,
}


@dataclass(frozen=True, slots=True)
class Replacement:
    """A chunk without the pairs in place of one with them."""

    old: str
    new: ChunkRow


def ledger_of(engine: Engine, uris: Collection[str]) -> dict[tuple[int, str], ChunkRow]:
    """Give the ledger's rows of some chunk files, by partition and fingerprint."""
    with engine.connect() as connection:
        rows = [
            row
            for batch in in_batches(sorted(uris))
            for row in connection.execute(select(chunk).where(chunk.c.uri.in_(batch)))
        ]
    return {
        (row.partition_id, row.fingerprint): ChunkRow(row.fingerprint, row.uri, row.sha256, row.size, row.rows)
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class ChunkedAttempt:
    """An attempt that has rows, and its chunks in order, with the number of pairs of each."""

    id: int
    partition_id: int
    score_fingerprint: str
    chunks: tuple[tuple[str, int], ...]


def attempts_of(engine: Engine, partition_ids: Collection[int]) -> list[ChunkedAttempt]:
    """List the attempts of some partitions that have rows."""
    there = exists().where(decided_attempt.c.attempt_id == attempt.c.id)
    found = []
    with engine.connect() as connection:
        for batch in in_batches(sorted(partition_ids)):
            ledger = select(chunk.c.partition_id, chunk.c.fingerprint, chunk.c.rows)
            known = connection.execute(ledger.where(chunk.c.partition_id.in_(batch)))
            rows = {(part, fingerprint): count for part, fingerprint, count in known}
            query = select(attempt.c.id, attempt.c.partition_id, attempt.c.score_fingerprint, attempt.c.chunks)
            for id_, part, scored, chunks in connection.execute(query.where(attempt.c.partition_id.in_(batch), there)):
                named = tuple((each, rows.get((part, each), 0)) for each in chunks or ())
                found.append(ChunkedAttempt(id_, part, scored, named))
    return found


def loose_in_ledger(engine: Engine) -> list[tuple[int, str]]:
    """Name by partition and fingerprint the ledger's chunks to which no attempt with rows refers."""
    with engine.connect() as connection:
        ledger = list(connection.execute(select(chunk.c.partition_id, chunk.c.fingerprint)).tuples())
    partitions = {partition_id for partition_id, _ in ledger}
    named = {(made.partition_id, name) for made in attempts_of(engine, partitions) for name, _ in made.chunks}
    return [each for each in ledger if each not in named]


def contents_between(engine: Engine, attempt_id: int, start: int, stop: int) -> list[tuple[str, str | None]]:
    """List uid and image's sha256 of an attempt's pairs `start` up to, not including, `stop`."""
    here = (pair.c.attempt_id == attempt_id, pair.c.ordinal >= start, pair.c.ordinal < stop)
    query = select(pair.c.uid, pair.c.image_sha256).where(*here).order_by(pair.c.ordinal)
    with engine.connect() as connection:
        return list(connection.execute(query).tuples())


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is done to one partition: the rows of its attempts to blank, why each has no value, and its new chunks.

    Attempts of `dropped` have no chunk file any more; `loose` are chunks to which no attempt refers.
    """

    partition_id: int
    rows: Sequence[FoundPair]
    reasons: Mapping[tuple[int, int], Mapping[str, str]]
    chunks: Sequence[Replacement]
    loose: Sequence[str] = ()


def erase_in_partition(engine: Engine, erasure: Erasure) -> bool:
    """Blank rows, and put chunks without them in the place of those with them, in one transaction; the old are doomed.

    False, and nothing is done, while somebody is at work on the partition.
    """
    with writing(engine) as connection:
        last = lock_partition(connection, erasure.partition_id)
        if at_work(last, now(connection)):
            return False
        for row in erasure.rows:
            _blank(connection, row, erasure.reasons.get((row.attempt_id, row.ordinal), {}))
        _replace_chunks(connection, erasure)
        attempts = sorted({row.attempt_id for row in erasure.rows})
        for attempt_id in attempts:
            _count_again(connection, attempt_id)
        _doom_exports(connection, attempts)
        _unsay(connection, erasure.partition_id, erasure.rows)
    return True


def _blank(connection: Connection, row: FoundPair, reasons: Mapping[str, str]) -> None:
    here = {"attempt_id": row.attempt_id, "ordinal": row.ordinal}
    exported = select(decision.c.decision_set_id, decision.c.export_row).filter_by(**here)
    for set_id, place in connection.execute(exported.where(decision.c.export_row.is_not(None))).all():
        behind = (decision.c.attempt_id == row.attempt_id, decision.c.decision_set_id == set_id)
        moved = update(decision).where(*behind, decision.c.export_row > place)
        connection.execute(moved.values(export_row=decision.c.export_row - 1))
    for table, values in ((pair, _BLANK_PAIR), (score, _BLANK_SCORE), (decision, _BLANK_DECISION)):
        connection.execute(update(table).filter_by(**here).values(values))
    connection.execute(update(score).filter_by(**here).values(unmeasurable=dict(reasons)))


def _count_again(connection: Connection, attempt_id: int) -> None:
    own = connection.scalar(select(attempt.c.decision_set_id).where(attempt.c.id == attempt_id))
    sets = connection.scalars(
        select(decided_attempt.c.decision_set_id).where(decided_attempt.c.attempt_id == attempt_id)
    )
    for set_id in sets.all():
        counts = verdict_counts(connection, attempt_id, set_id)
        values = {"n_kept": counts.kept, "n_dropped": counts.dropped, "n_quarantined": counts.quarantined}
        connection.execute(
            update(decided_attempt).filter_by(attempt_id=attempt_id, decision_set_id=set_id).values(values)
        )
        if set_id == own:
            connection.execute(update(attempt).where(attempt.c.id == attempt_id).values(values))


def _replace_chunks(connection: Connection, erasure: Erasure) -> None:
    of_partition = chunk.c.partition_id == erasure.partition_id
    new_names = {each.old: each.new.fingerprint for each in erasure.chunks}
    old = {
        row.fingerprint: row
        for batch in in_batches([*new_names, *erasure.loose])
        for row in connection.execute(select(chunk).where(of_partition, chunk.c.fingerprint.in_(batch)))
    }
    for fingerprint in old:
        connection.execute(delete(chunk).where(of_partition, chunk.c.fingerprint == fingerprint))
    for each in erasure.chunks:
        if each.old in old:
            made = {name: getattr(each.new, name) for name in ("fingerprint", "uri", "sha256", "size")}
            connection.execute(delete(chunk).where(of_partition, chunk.c.fingerprint == each.new.fingerprint))
            connection.execute(insert(chunk), {**old[each.old]._asdict(), **made})
    attempts = select(attempt.c.id, attempt.c.chunks).where(attempt.c.partition_id == erasure.partition_id)
    for attempt_id, chunks in connection.execute(attempts).all():
        renamed = [new_names.get(each, each) for each in chunks or ()]
        if chunks and renamed != chunks:
            connection.execute(update(attempt).where(attempt.c.id == attempt_id).values(chunks=renamed))
    doom(connection, [row.uri for row in old.values()])


def _doom_exports(connection: Connection, attempt_ids: Sequence[int]) -> None:
    """Doom the files of attempts; rows of such as neither stand nor are released go at once: nobody lists them."""
    stands = or_(
        exists().where(partition.c.committed_attempt_id == export.c.attempt_id),
        exists().where(release_partition.c.attempt_id == export.c.attempt_id),
    )
    for batch in in_batches(attempt_ids):
        of_attempts = export.c.attempt_id.in_(batch)
        doom(connection, connection.scalars(select(export.c.uri).where(of_attempts)).all())
        connection.execute(delete(export).where(of_attempts, ~stands))


def _unsay(connection: Connection, partition_id: int, rows: Sequence[FoundPair]) -> None:
    """Take the pairs' names out of the list of what a partition is made of, and out of messages."""
    keys = {row.key for row in rows}
    said = [name for row in rows for name in (row.key, row.uid, row.image_sha256) if name]
    here = partition.c.id == partition_id
    members, error = connection.execute(select(partition.c.members, partition.c.error).where(here)).one()
    kept = [hidden(member) if _is_of(member, keys) else member for member in members]
    values = {"error": without_names(error, said), **({"members": kept} if kept != members else {})}
    connection.execute(update(partition).where(here).values(values))
    attempts = select(attempt.c.id, attempt.c.error, attempt.c.damage).where(attempt.c.partition_id == partition_id)
    for attempt_id, error, damage in connection.execute(attempts).all():
        told = [without_names(message, said) for message in damage or ()]
        values = {"error": without_names(error, said), **({"damage": told} if told != (damage or []) else {})}
        connection.execute(update(attempt).where(attempt.c.id == attempt_id).values(values))


def _is_of(member: str, keys: Collection[str]) -> bool:
    """Say whether a file of a folder, or an annotation, is what a pair of one of these keys was read from."""
    stem, dot, _ = member.rpartition(".")
    return member in keys or (bool(dot) and stem in keys)


def without_names(message: str | None, names: Sequence[str]) -> str | None:
    """Take names that stand as words out of a message."""
    if message is None or not names:
        return message
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<![\w-])(?:{words})(?![\w-])", FORGOTTEN_KEY, message)
