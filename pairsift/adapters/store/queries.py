"""What is read back: for status, explain, check, the manifest, and exports from stored results."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    Table,
    and_,
    case,
    func,
    literal,
    or_,
    select,
)

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.entering import verdict_counts
from pairsift.adapters.store.rows import AttemptAccount, Counts, ExportRow, StoredFile
from pairsift.adapters.store.tables import (
    DECISION_COLUMNS,
    PAIR_COLUMNS,
    SCORE_COLUMNS,
    attempt,
    attempt_model,
    calibration,
    chunk,
    dataset,
    decided_attempt,
    decision,
    decision_set,
    export,
    model,
    pair,
    partition,
    policy,
    score,
)
from pairsift.adapters.store.views import partition_status, select_lineage
from pairsift.core.calibration import calibration_of

ROWS_AT_ONCE = 1000

_SHOWN = and_(
    partition.c.committed_attempt_id == export.c.attempt_id,
    partition.c.shown_decision_set_id == export.c.decision_set_id,
)
"""Exports of the verdicts that a partition shows."""


@dataclass(frozen=True, slots=True)
class ActiveExport:
    """One file of a committed attempt, as the manifest lists it."""

    partition: str
    name: str
    uri: str
    rows: int
    sha256: str
    size: int


def status(engine: Engine, dataset_name: str | None = None) -> list[dict[str, object]]:
    """Give the view `partition_status`, of one data set or all, by data set and partition."""
    query = select(partition_status).order_by(partition_status.c.dataset, partition_status.c.partition)
    if dataset_name is not None:
        query = query.where(partition_status.c.dataset == dataset_name)
    return _read_all(engine, query)


def find_pairs(engine: Engine, key_or_uid: str) -> list[dict[str, object]]:
    """Tell the whole story of every committed pair of this key or uid.

    Each is its row of `pair_lineage` and: `ordinal`, `source_columns`, `rank`, `multiplicity`, `unmeasurable`, `extra`,
    `attempt_record` (the attempt's own row: who, when, where, versions, counts), `models`, `calibration` (or None)
    and `policy_text`.
    """
    with engine.connect() as connection:
        stories = [
            _with_attempt(connection, row)
            for attempt_id, ordinals in _places(connection, key_or_uid).items()
            for batch in in_batches(ordinals)
            for row in connection.execute(_select_story(attempt_id, batch)).mappings()
        ]
    return sorted(stories, key=itemgetter("dataset", "partition", "ordinal"))


def _places(connection: Connection, key_or_uid: str) -> dict[int, list[int]]:
    """Find the ordinals of the pairs of a key or uid, by attempt.

    It is asked first, and alone: in one statement with all else PostgreSQL reads all decisions until it has statistics.
    """
    query = select(pair.c.attempt_id, pair.c.ordinal).where(or_(pair.c.key == key_or_uid, pair.c.uid == key_or_uid))
    places: dict[int, list[int]] = {}
    for attempt_id, ordinal in connection.execute(query):
        places.setdefault(attempt_id, []).append(ordinal)
    return places


def _select_story(attempt_id: int, ordinals: Sequence[int]) -> Select[Any]:
    """Select some pairs of an attempt, if it is committed."""
    return (
        select_lineage()
        .add_columns(
            pair.c.ordinal,
            pair.c.source_columns,
            decision.c.rank,
            decision.c.multiplicity,
            score.c.unmeasurable,
            score.c.extra,
            policy.c.text.label("policy_text"),
            # The sets of older versions name a rule, and the attempt the calibration.
            case(
                (decision_set.c.id == attempt.c.decision_set_id, attempt.c.calibration_fingerprint),
                else_=decision_set.c.calibration,
            ).label("calibrated_by"),
            attempt.c.id.label("attempt_id"),
        )
        .where(pair.c.attempt_id == attempt_id, pair.c.ordinal.in_(ordinals))
    )


def _with_attempt(connection: Connection, row: RowMapping) -> dict[str, object]:
    story = dict(row)
    attempt_id, calibrated_by = story.pop("attempt_id"), story.pop("calibrated_by")
    made = connection.execute(select(attempt).where(attempt.c.id == attempt_id)).mappings().one()
    models = (
        select(model.c.name, model.c.fingerprint, model.c.facts)
        .join(attempt_model, attempt_model.c.model_id == model.c.id)
        .where(attempt_model.c.attempt_id == attempt_id)
        .order_by(model.c.name)
    )
    reference = select(calibration).where(calibration.c.fingerprint == calibration_of(str(calibrated_by)))
    calibrated = connection.execute(reference).mappings().one_or_none()
    return story | {
        "attempt_record": dict(made),
        "models": [dict(used) for used in connection.execute(models).mappings()],
        "calibration": None if calibrated is None else dict(calibrated),
    }


def attempt_rows(engine: Engine, attempt_id: int, decision_set_id: int) -> Iterator[dict[str, object]]:
    """Give an attempt's pairs with their scores and decisions, by ordinal; a thousand at a time in memory."""
    query = (
        select(
            *(pair.c[name] for name in PAIR_COLUMNS),
            *(score.c[name] for name in SCORE_COLUMNS if name != "ordinal"),
            *(decision.c[name] for name in DECISION_COLUMNS if name != "ordinal"),
            decision.c.export_row,
        )
        .join(score, _same_pair(score))
        .join(decision, and_(_same_pair(decision), decision.c.decision_set_id == decision_set_id))
        .where(pair.c.attempt_id == attempt_id)
        .order_by(pair.c.ordinal)
    )
    with engine.connect().execution_options(yield_per=ROWS_AT_ONCE) as connection, connection.execute(query) as rows:
        for row in rows.mappings():
            yield dict(row)


def _same_pair(table: Table) -> ColumnElement[bool]:
    return and_(table.c.attempt_id == pair.c.attempt_id, table.c.ordinal == pair.c.ordinal)


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """What a new export needs of a committed attempt."""

    id: int
    decision_set_id: int
    chunks: tuple[str, ...]


def stored_attempt(engine: Engine, attempt_id: int) -> StoredAttempt:
    """Give the decision set and the ordered chunks of a committed attempt."""
    with engine.connect() as connection:
        row = connection.execute(select(attempt).where(attempt.c.id == attempt_id)).one()
    return StoredAttempt(row.id, row.decision_set_id, tuple(row.chunks))


def active_exports(engine: Engine, dataset_name: str, out_uri: str) -> list[ActiveExport]:
    """List the files of the verdicts that a data set shows at one output, by partition and name, for the manifest."""
    query = (
        select(
            partition.c.key,
            export.c.name,
            export.c.uri,
            export.c.rows,
            export.c.sha256,
            export.c.size,
        )
        .join(partition, _SHOWN)
        .join(dataset, dataset.c.id == partition.c.dataset_id)
        .where(dataset.c.name == dataset_name, export.c.out_uri == out_uri)
        .order_by(partition.c.key, export.c.name)
    )
    with engine.connect() as connection:
        return [ActiveExport(*row) for row in connection.execute(query)]


def exports_of(engine: Engine, attempt_id: int, out_uri: str) -> dict[int, list[ExportRow]]:
    """List an attempt's files at one output by the decision set whose verdicts they hold."""
    named = (export.c.name, export.c.uri, export.c.rows, export.c.sha256, export.c.size, export.c.export_fingerprint)
    query = select(export.c.decision_set_id, *named).where(
        export.c.attempt_id == attempt_id, export.c.out_uri == out_uri
    )
    files: dict[int, list[ExportRow]] = {}
    with engine.connect() as connection:
        for decision_set_id, *values in connection.execute(query.order_by(export.c.decision_set_id, export.c.name)):
            files.setdefault(decision_set_id, []).append(ExportRow(*values))
    return files


def export_places(engine: Engine) -> list[tuple[str, str]]:
    """List every data set and output that committed attempts have files at, active or not: one manifest each."""
    query = (
        select(dataset.c.name, export.c.out_uri)
        .join(partition, partition.c.dataset_id == dataset.c.id)
        .join(export, export.c.attempt_id == partition.c.committed_attempt_id)
        .distinct()
        .order_by(dataset.c.name, export.c.out_uri)
    )
    with engine.connect() as connection:
        return list(connection.execute(query).tuples())


def conservation(engine: Engine) -> list[AttemptAccount]:
    """Hold every committed attempt's counts against its rows, under every decision set, for `pairsift check`."""
    said = [func.coalesce(decided_attempt.c[f"n_{verdict}"], 0) for verdict in ("kept", "dropped", "quarantined")]
    query = (
        select(attempt.c.id, dataset.c.name, partition.c.key, attempt.c.number, decided_attempt.c.decision_set_id)
        .add_columns(attempt.c.n_read, *said)
        .join(partition, partition.c.committed_attempt_id == attempt.c.id)
        .join(dataset, dataset.c.id == partition.c.dataset_id)
        .outerjoin(decided_attempt, decided_attempt.c.attempt_id == attempt.c.id)
        .order_by(dataset.c.name, partition.c.key, decided_attempt.c.decision_set_id)
    )
    with engine.connect() as connection:
        return [
            AttemptAccount(
                dataset=dataset_name,
                partition=key,
                attempt=number,
                decision_set_id=decision_set_id,
                said=Counts(*counts),
                found=verdict_counts(connection, attempt_id, decision_set_id),
                pair_rows=_count(connection, pair, attempt_id),
                score_rows=_count(connection, score, attempt_id),
            )
            for attempt_id, dataset_name, key, number, decision_set_id, *counts in connection.execute(query).all()
        ]


def _count(connection: Connection, table: Table, attempt_id: int) -> int:
    query = select(func.count()).select_from(table).where(table.c.attempt_id == attempt_id)
    return connection.execute(query).scalar_one()


def stored_files(engine: Engine) -> list[StoredFile]:
    """List every file that a row promises: all ledgered chunks, and the exports of the committed attempts."""
    owner = (dataset.c.name.label("dataset"), partition.c.key.label("partition"))
    chunks = (
        select(literal("chunk"), *owner, chunk.c.uri, chunk.c.sha256)
        .join(partition, partition.c.id == chunk.c.partition_id)
        .join(dataset, dataset.c.id == partition.c.dataset_id)
    )
    exports = (
        select(literal("export"), *owner, export.c.uri, export.c.sha256)
        .join(partition, partition.c.committed_attempt_id == export.c.attempt_id)
        .join(dataset, dataset.c.id == partition.c.dataset_id)
    )
    with engine.connect() as connection:
        return [
            StoredFile(*row)
            for query in (chunks, exports)
            for row in connection.execute(query.order_by("dataset", "partition", "uri"))
        ]


def _read_all(engine: Engine, query: Select[tuple[object, ...]]) -> list[dict[str, object]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
