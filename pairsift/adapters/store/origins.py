"""Where pairs were measured before: from what a pair is to the chunk file, and the row in it, that has its numbers."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from sqlalchemy import Connection, Engine, Row, Select, Text, and_, column, func, select, values

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.rows import AttemptKind, PartitionStatus
from pairsift.adapters.store.tables import attempt, chunk, pair, score
from pairsift.core.records import PairContent

Record = Row[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class OriginFile:
    """A ledgered chunk file of a partition; `uri` is relative to the storage."""

    partition_id: int
    uri: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Origin:
    """A pair's measurements: row `row` of a chunk file, and the attempt that measured them, wherever that was."""

    content: PairContent
    file: OriginFile
    row: int
    measured_by: int


@dataclass(frozen=True, slots=True)
class _Chunks:
    """An attempt's chunk files in order; `ends` are the ordinals behind the last pair of each."""

    files: Sequence[OriginFile]
    ends: Sequence[int]

    def place(self, ordinal: int) -> tuple[OriginFile, int]:
        """Give the file that holds a pair, and the pair's row in it."""
        number = bisect_right(self.ends, ordinal)
        return self.files[number], ordinal - (self.ends[number - 1] if number else 0)


def find_origins(
    engine: Engine, score_fingerprint: str, contents: Collection[PairContent], not_in: Collection[int] = ()
) -> list[Origin]:
    """Find where pairs were measured under a score fingerprint, by committed attempts at any partition but `not_in`.

    Of a pair that many know it is the newest attempt: its chunk files hold what it had recalled itself, so that
    yesterday's are enough for today.
    """
    wanted = frozenset(contents)
    uids = sorted({content.uid for content in wanted})
    with engine.connect() as connection:
        first = connection.scalar(_first_attempt(score_fingerprint))
        if first is None:
            return []
        found = [
            row
            for batch in in_batches(uids)
            for row in connection.execute(_newest_pairs(batch, score_fingerprint, first, sorted(not_in)))
        ]
        chunks = _chunks_of(connection, sorted({row.attempt_id for row in found}))
    there = [row for row in reversed(found) if row.attempt_id in chunks]  # of copies in one partition the first wins
    known = {content: row for row in there if (content := _content(row)) in wanted}
    return [_origin(content, row, chunks[row.attempt_id]) for content, row in known.items()]


def measurers(engine: Engine, partition_id: int, fingerprints: Sequence[str]) -> list[int]:
    """Name, for every pair of a partition's chunks in order, the attempt that measured it."""
    ledger: dict[str, Record] = {}
    with engine.connect() as connection:
        for batch in in_batches(fingerprints):
            here = select(chunk).where(chunk.c.partition_id == partition_id, chunk.c.fingerprint.in_(batch))
            ledger |= {row.fingerprint: row for row in connection.execute(here)}
    return [attempt_id for fingerprint in fingerprints for attempt_id in _measurers_of(ledger[fingerprint])]


def _measurers_of(row: Record) -> list[int]:
    recalled: Mapping[str, Sequence[int]] = row.recalled or {}
    others = {place: int(attempt_id) for attempt_id, places in recalled.items() for place in places}
    return [others.get(place, row.attempt_id) for place in range(row.rows)]


def _first_attempt(score_fingerprint: str) -> Select[tuple[int]]:
    """Select the oldest attempt of this way of scoring: behind a change of models nothing older is looked at."""
    committed = (attempt.c.kind == AttemptKind.CURATE, attempt.c.status == PartitionStatus.COMMITTED)
    same = attempt.c.score_fingerprint == score_fingerprint
    return select(attempt.c.id).where(same, *committed).order_by(attempt.c.id).limit(1)


def _newest_pairs(
    uids: Sequence[str], score_fingerprint: str, first: int, not_in: Sequence[int]
) -> Select[tuple[object, ...]]:
    """Select the pairs of these uids in the newest attempt that has each: one step down an index for every uid.

    Grouping by uid instead would read every row that a uid has, and a pair that comes every day has one a day.
    """
    wanted = values(column("uid", Text), name="wanted").data([(uid,) for uid in uids]).cte("wanted")
    newest = (
        select(pair.c.attempt_id)
        .join(attempt, attempt.c.id == pair.c.attempt_id)
        .where(
            pair.c.uid == wanted.c.uid,
            pair.c.attempt_id >= first,
            attempt.c.score_fingerprint == score_fingerprint,
            attempt.c.partition_id.not_in(not_in),
        )
        .order_by(pair.c.attempt_id.desc())
        .limit(1)
        .correlate(wanted)
        .scalar_subquery()
    )
    known = select(wanted.c.uid, newest.label("attempt_id")).cte("known")
    return (
        select(
            pair.c.uid,
            pair.c.image_sha256,
            pair.c.raw_caption.is_not(None).label("captioned"),
            pair.c.attempt_id,
            pair.c.ordinal,
            func.coalesce(score.c.measured_attempt_id, score.c.attempt_id).label("measured_by"),
        )
        .select_from(known)
        .join(pair, and_(pair.c.uid == known.c.uid, pair.c.attempt_id == known.c.attempt_id))
        .join(score, and_(score.c.attempt_id == pair.c.attempt_id, score.c.ordinal == pair.c.ordinal))
        .order_by(pair.c.attempt_id, pair.c.ordinal)
    )


def _chunks_of(connection: Connection, attempt_ids: Sequence[int]) -> dict[int, _Chunks]:
    """Give the chunk files of these attempts; one whose ledger is not whole any more is left out."""
    attempts = [
        row
        for ids in in_batches(attempt_ids)
        for row in connection.execute(
            select(attempt.c.id, attempt.c.partition_id, attempt.c.chunks).where(attempt.c.id.in_(ids))
        )
    ]
    ledger = {
        (row.partition_id, row.fingerprint): row
        for ids in in_batches(sorted({row.partition_id for row in attempts}))
        for row in connection.execute(
            select(chunk.c.partition_id, chunk.c.fingerprint, chunk.c.uri, chunk.c.sha256, chunk.c.rows).where(
                chunk.c.partition_id.in_(ids)
            )
        )
    }
    named = {row.id: [ledger.get((row.partition_id, fingerprint)) for fingerprint in row.chunks] for row in attempts}
    return {
        attempt_id: _in_order(rows) for attempt_id, found in named.items() if len(rows := _there(found)) == len(found)
    }


def _there(rows: Sequence[Record | None]) -> list[Record]:
    return [row for row in rows if row is not None]


def _in_order(rows: Sequence[Record]) -> _Chunks:
    files = [OriginFile(row.partition_id, row.uri, row.sha256) for row in rows]
    return _Chunks(files, list(accumulate(row.rows for row in rows)))


def _content(row: Record) -> PairContent:
    return PairContent(row.uid, row.image_sha256, bool(row.captioned))


def _origin(content: PairContent, row: Record, chunks: _Chunks) -> Origin:
    file, place = chunks.place(row.ordinal)
    return Origin(content, file, place, row.measured_by)
