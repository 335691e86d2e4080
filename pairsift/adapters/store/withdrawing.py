"""Puts other files in the place of those that hold what was taken down: in exports, releases and calibrations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, update

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.entering import replace_exports
from pairsift.adapters.store.pruning import RELEASED
from pairsift.adapters.store.registry import insert_missing
from pairsift.adapters.store.removing import still_referred, unledgered
from pairsift.adapters.store.rows import CalibrationRow, ExportRow
from pairsift.adapters.store.tables import (
    attempt,
    calibration,
    dataset,
    dataset_calibration,
    export,
    partition,
    release_file,
)
from pairsift.adapters.store.takedowns import doom


@dataclass(frozen=True, slots=True)
class StaleExport:
    """Files of an attempt's decisions that hold what was taken down: their URIs by name."""

    files: Mapping[str, str]
    dataset: str
    dataset_id: int
    attempt_id: int
    decision_set_id: int
    out_uri: str


def exports_of_attempts(engine: Engine, attempt_ids: Collection[int]) -> list[str]:
    """Name all files of some attempts."""
    found: set[str] = set()
    with engine.connect() as connection:
        for batch in in_batches(sorted(attempt_ids)):
            found.update(connection.scalars(select(export.c.uri).where(export.c.attempt_id.in_(batch))))
    return sorted(found)


def stale_exports(engine: Engine, doomed: Collection[str]) -> list[StaleExport]:
    """List the exports whose files are doomed: they are to be written anew."""
    place = (dataset.c.name, dataset.c.id, export.c.attempt_id, export.c.decision_set_id, export.c.out_uri)
    query = (
        select(*place, export.c.name.label("file"), export.c.uri)
        .join(attempt, attempt.c.id == export.c.attempt_id)
        .join(partition, partition.c.id == attempt.c.partition_id)
        .join(dataset, dataset.c.id == partition.c.dataset_id)
        .order_by(export.c.attempt_id, export.c.decision_set_id, export.c.out_uri)
    )
    found: dict[tuple[Any, ...], dict[str, str]] = {}
    with engine.connect() as connection:
        for row in connection.execute(query):
            found.setdefault(tuple(row[:5]), {})[row[5]] = row[6]
    stale = set(doomed)
    return [StaleExport(files, *where) for where, files in found.items() if stale.intersection(files.values())]


def enter_rewritten(engine: Engine, stale: StaleExport, files: Sequence[ExportRow]) -> None:
    """Enter the files that take the place of stale ones, also in the releases that had these."""
    lock = (
        select(partition.c.id)
        .join(attempt, attempt.c.partition_id == partition.c.id)
        .where(attempt.c.id == stale.attempt_id)
        .with_for_update(key_share=True, of=partition)
    )
    new = {file.name: file for file in files}
    with writing(engine) as connection:
        connection.execute(lock)
        replace_exports(connection, stale.attempt_id, stale.decision_set_id, stale.out_uri, files)
        for name, uri in stale.files.items():
            instead = new.get(name)
            if instead is None:
                withdraw_file(connection, uri, None, None)
            else:
                withdraw_file(connection, uri, instead.uri, instead.sha256)


def withdraw_file(connection: Connection, uri: str, instead: str | None, sha256: str | None) -> None:
    """Note in every release that has a file what stands in its place now."""
    withdrawn = update(release_file).where(RELEASED.in_([uri]))
    values = {"withdrawn_at": now(connection), "replaced_by": instead, "replaced_sha256": sha256}
    connection.execute(withdrawn.values(values))


def withdraw_list(engine: Engine, uri: str, instead: str, sha256: str) -> None:
    """Note what stands in the place of a release's list of pairs; the list itself is doomed."""
    with writing(engine) as connection:
        withdraw_file(connection, uri, instead, sha256)
        doom(connection, [uri])


def replace_calibration(engine: Engine, old: str, made: CalibrationRow | None) -> None:
    """Let every data set that has had a calibration have another one in its place, or none where none can be made.

    The old one's row stays, since decisions name it, without a file.
    """
    had = dataset_calibration.c.calibration_fingerprint == old
    with writing(engine) as connection:
        connection.execute(update(calibration).where(calibration.c.fingerprint == old).values(sha256=None))
        if made is None:
            connection.execute(delete(dataset_calibration).where(had))
            return
        insert_missing(connection, calibration, [{**asdict(made), "created_at": now(connection)}])
        connection.execute(update(dataset_calibration).where(had).values(calibration_fingerprint=made.fingerprint))


def scores_of_calibration(engine: Engine, fingerprint: str) -> str | None:
    """Give the score fingerprint of a calibration; None of one that is not known."""
    with engine.connect() as connection:
        return connection.scalar(select(calibration.c.score_fingerprint).filter_by(fingerprint=fingerprint))


def still_needed(engine: Engine, uris: Sequence[str]) -> set[str]:
    """Name those of some files, of chunks or exports, that the store refers to."""
    needed = still_referred(engine, uris)
    return needed | (set(uris) - set(unledgered(engine, uris)))
