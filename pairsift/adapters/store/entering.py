"""Enters an attempt's decisions and export files, at its commit and later, in the transaction of the caller."""

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, delete, func, insert, select

from pairsift.adapters.store.bulk import insert_storable, storable_rows
from pairsift.adapters.store.engine import now
from pairsift.adapters.store.registry import insert_if_missing
from pairsift.adapters.store.rows import Counts, DecidedRow, ExportRow
from pairsift.adapters.store.tables import DECISION_COLUMNS, decided_attempt, decision, export
from pairsift.core.records import Verdict
from pairsift.errors import ConservationError

_VERDICT_AT = DECISION_COLUMNS.index("verdict")
_APPENDED = ("attempt_id", "decision_set_id", *DECISION_COLUMNS, "export_row")


def prepare_decisions(
    attempt_id: int, decision_set_id: int, rows: Iterable[tuple[object, ...]]
) -> Iterator[tuple[object, ...]]:
    """Make of an attempt's decisions, in the order of DECISION_COLUMNS, what `append_decisions` takes.

    ConservationError unless ordinals rise from 0 without a gap.
    """
    return storable_rows(decision, _APPENDED, _number_kept((attempt_id, decision_set_id), rows))


def _number_kept(ids: tuple[int, int], decisions: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """Add the ids, and each kept pair's row in the export, which has the kept pairs in this order."""
    kept = 0
    for expected, row in enumerate(decisions):
        if row[0] != expected:
            raise ConservationError(f"decision {row[0]} where that of pair {expected} was expected: a bug, report it")
        if row[_VERDICT_AT] == Verdict.KEEP:
            yield (*ids, *row, kept)
            kept += 1
        else:
            yield (*ids, *row, None)


def append_decisions(connection: Connection, prepared: Iterable[tuple[object, ...]]) -> None:
    """Append prepared decisions."""
    insert_storable(connection, decision, _APPENDED, prepared)


def enter_decided(connection: Connection, made: DecidedRow) -> bool:
    """Enter that an attempt is decided under a decision set; False if it is already: the row is the lock."""
    row = {
        "attempt_id": made.attempt_id,
        "decision_set_id": made.decision_set_id,
        "n_kept": made.counts.kept,
        "n_dropped": made.counts.dropped,
        "n_quarantined": made.counts.quarantined,
        "mismatch": made.mismatch,
        "created_at": now(connection),
    }
    return insert_if_missing(connection, decided_attempt, row)


def verdict_counts(connection: Connection, attempt_id: int, decision_set_id: int | None) -> Counts:
    """Count an attempt's decisions by verdict."""
    query = (
        select(decision.c.verdict, func.count())
        .where(decision.c.attempt_id == attempt_id, decision.c.decision_set_id == decision_set_id)
        .group_by(decision.c.verdict)
    )
    by_verdict: dict[str, int] = dict(connection.execute(query).tuples().all())
    return Counts(
        read=sum(by_verdict.values()),
        kept=by_verdict.get(Verdict.KEEP, 0),
        dropped=by_verdict.get(Verdict.DROP, 0),
        quarantined=by_verdict.get(Verdict.QUARANTINE, 0),
    )


def replace_exports(
    connection: Connection, attempt_id: int, decision_set_id: int, out_uri: str, files: Sequence[ExportRow]
) -> None:
    """Enter the files of an attempt's decisions at one output in place of those that were there."""
    here = (export.c.attempt_id == attempt_id, export.c.decision_set_id == decision_set_id)
    connection.execute(delete(export).where(*here, export.c.out_uri == out_uri))
    created_at = now(connection)
    rows = [
        {
            "attempt_id": attempt_id,
            "decision_set_id": decision_set_id,
            "out_uri": out_uri,
            "name": file.name,
            "uri": file.uri,
            "rows": file.rows,
            "sha256": file.sha256,
            "size": file.size,
            "export_fingerprint": file.export_fingerprint,
            "created_at": created_at,
        }
        for file in files
    ]
    if rows:
        connection.execute(insert(export), rows)
