"""Releases: what one is to be made of, those that there are, and what stood about pairs in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, Select, and_, func, insert, select

from pairsift.adapters.store.batches import in_batches
from pairsift.adapters.store.bulk import fetch_rows
from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.rows import ExportRow
from pairsift.adapters.store.tables import (
    attempt,
    attempt_model,
    calibration,
    dataset,
    decided_attempt,
    decision,
    decision_set,
    export,
    model,
    pair,
    partition,
    policy,
    release,
    release_file,
    release_partition,
)
from pairsift.core.records import Verdict
from pairsift.core.releases import ReleasedPolicy
from pairsift.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ReleasablePartition:
    """What a partition shows, with the files of it at one output; `pairs` are read, kept, dropped, quarantined."""

    id: int
    key: str
    uri: str
    input_fingerprint: str
    attempt_id: int
    decision_set_id: int
    score_fingerprint: str
    basis: str
    policy: ReleasedPolicy
    pairs: tuple[int, int, int, int]
    files: tuple[ExportRow, ...]


@dataclass(frozen=True, slots=True)
class Releasable:
    """What a data set's committed partitions show, by key, with the files of just that at one output."""

    dataset_id: int
    out_uri: str
    parts: tuple[ReleasablePartition, ...]


@dataclass(frozen=True, slots=True)
class ReleaseFileRow:
    """A file of a release; since pairs were withdrawn, what stands in its place (None: nothing does)."""

    uri: str
    sha256: str
    withdrawn_at: datetime | None = None
    replaced_by: str | None = None
    replaced_sha256: str | None = None

    @property
    def current(self) -> tuple[str, str] | None:
        """Where it lies now, and its sha256; None where nothing is in its place."""
        if self.withdrawn_at is None:
            return self.uri, self.sha256
        return None if self.replaced_by is None else (self.replaced_by, str(self.replaced_sha256))


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A release; `folder` is where its manifest and its list of pairs lie, `manifest` that file's text."""

    id: int
    name: str
    dataset: str
    sha256: str
    folder: str
    manifest: str
    created_at: datetime


def releasable(engine: Engine, dataset_id: int, out_uri: str) -> Releasable:
    """Find what a release of a data set is to be made of."""
    with engine.connect() as connection:
        return _releasable(connection, dataset_id, out_uri)


def _releasable(connection: Connection, dataset_id: int, out_uri: str) -> Releasable:
    files: dict[int, list[ExportRow]] = {}
    for attempt_id, *values in connection.execute(_shown_files(dataset_id, out_uri)):
        files.setdefault(attempt_id, []).append(ExportRow(*values))
    parts = (
        ReleasablePartition(
            row.id,
            row.key,
            row.uri,
            row.input_fingerprint,
            row.attempt_id,
            row.decision_set_id,
            row.score_fingerprint,
            row.calibration,
            ReleasedPolicy(row.name, row.version, row.sha256, row.text),
            (row.n_read, row.n_kept, row.n_dropped, row.n_quarantined),
            tuple(files.get(row.attempt_id, ())),
        )
        for row in connection.execute(_shown(dataset_id))
    )
    return Releasable(dataset_id, out_uri, tuple(parts))


def _shown(dataset_id: int) -> Select[tuple[object, ...]]:
    counts = (decided_attempt.c[f"n_{verdict}"] for verdict in ("kept", "dropped", "quarantined"))
    decided = and_(
        decided_attempt.c.attempt_id == attempt.c.id,
        decided_attempt.c.decision_set_id == partition.c.shown_decision_set_id,
    )
    return (
        select(partition.c.id, partition.c.key, partition.c.uri, attempt.c.input_fingerprint)
        .add_columns(attempt.c.id.label("attempt_id"), attempt.c.score_fingerprint, attempt.c.n_read, *counts)
        .add_columns(decision_set.c.id.label("decision_set_id"), decision_set.c.calibration)
        .add_columns(policy.c.name, policy.c.version, policy.c.sha256, policy.c.text)
        .select_from(partition)
        .join(attempt, attempt.c.id == partition.c.committed_attempt_id)
        .join(decision_set, decision_set.c.id == partition.c.shown_decision_set_id)
        .join(decided_attempt, decided)
        .join(policy, policy.c.id == decision_set.c.policy_id)
        .where(partition.c.dataset_id == dataset_id)
        .order_by(partition.c.key)
    )


def _shown_files(dataset_id: int, out_uri: str) -> Select[tuple[object, ...]]:
    file = (export.c.name, export.c.uri, export.c.rows, export.c.sha256, export.c.size, export.c.export_fingerprint)
    shown = and_(
        partition.c.committed_attempt_id == export.c.attempt_id,
        partition.c.shown_decision_set_id == export.c.decision_set_id,
    )
    return (
        select(export.c.attempt_id, *file)
        .join(partition, shown)
        .where(partition.c.dataset_id == dataset_id, export.c.out_uri == out_uri)
        .order_by(export.c.attempt_id, export.c.name)
    )


def kept_of(engine: Engine, attempt_id: int, decision_set_id: int) -> list[tuple[str, int]]:
    """List the pairs that an attempt keeps under a decision set, in order: uid and how often each is to be seen."""
    same_pair = and_(decision.c.attempt_id == pair.c.attempt_id, decision.c.ordinal == pair.c.ordinal)
    query = (
        select(pair.c.uid, decision.c.multiplicity)
        .join(decision, same_pair)
        .where(pair.c.attempt_id == attempt_id, decision.c.decision_set_id == decision_set_id)
        .where(decision.c.verdict == Verdict.KEEP)
        .order_by(pair.c.ordinal)
    )
    with engine.connect() as connection:
        return [(uid, multiplicity) for uid, multiplicity in fetch_rows(connection, query)]


def models_of(engine: Engine, attempt_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """Give the fingerprints of the models of some attempts, by what the models do."""
    found: dict[int, dict[str, str]] = {attempt_id: {} for attempt_id in attempt_ids}
    query = select(attempt_model.c.attempt_id, model.c.name, model.c.fingerprint).join(
        model, model.c.id == attempt_model.c.model_id
    )
    with engine.connect() as connection:
        for ids in in_batches(attempt_ids):
            for attempt_id, name, digest in connection.execute(query.where(attempt_model.c.attempt_id.in_(ids))):
                found[attempt_id][name] = digest
    return found


def calibration_files(engine: Engine) -> dict[str, str | None]:
    """Give the sha256s of the files of all calibrations, by their fingerprints."""
    with engine.connect() as connection:
        return dict(connection.execute(select(calibration.c.fingerprint, calibration.c.sha256)).tuples().all())


def enter_release(engine: Engine, made: ReleaseRow, of: Releasable, pairs: ReleaseFileRow) -> bool:
    """Enter a release whose list of `pairs` and manifest are durable; False if what it is made of is no longer shown.

    `made` has no id yet. From here on nothing that it refers to is pruned.
    """
    locked = select(dataset.c.id).where(dataset.c.id == of.dataset_id).with_for_update(key_share=True)
    with writing(engine) as connection:
        connection.execute(locked)
        if _releasable(connection, of.dataset_id, of.out_uri) != of:
            return False
        values = {name: getattr(made, name) for name in ("name", "sha256", "folder", "manifest", "created_at")}
        row = insert(release).values(**values, dataset_id=of.dataset_id)
        release_id = connection.execute(row.returning(release.c.id)).scalar_one()
        of_release = {"release_id": release_id}
        connection.execute(insert(release_partition), [{**of_release, **_owner(part)} for part in of.parts])
        files = {file.uri: file.sha256 for part in of.parts for file in part.files} | {pairs.uri: pairs.sha256}
        rows = [{**of_release, "uri": uri, "sha256": sha256} for uri, sha256 in sorted(files.items())]
        connection.execute(insert(release_file), rows)
    return True


def _owner(part: ReleasablePartition) -> dict[str, int]:
    return {"partition_id": part.id, "attempt_id": part.attempt_id, "decision_set_id": part.decision_set_id}


def find_release(engine: Engine, name: str) -> ReleaseRow | None:
    """Find a release by its name; None where there is none."""
    with engine.connect() as connection:
        row = connection.execute(_select_releases().where(release.c.name == name)).one_or_none()
    return None if row is None else ReleaseRow(*row)


def require_release(engine: Engine, name: str) -> ReleaseRow:
    """Find a release by its name; ConfigError where there is none."""
    found = find_release(engine, name)
    if found is None:
        raise ConfigError(f"there is no release {name!r}: `pairsift release list` shows those that there are")
    return found


def list_releases(engine: Engine) -> list[ReleaseRow]:
    """List all releases, the oldest first."""
    with engine.connect() as connection:
        return [ReleaseRow(*row) for row in connection.execute(_select_releases().order_by(release.c.id))]


def _select_releases() -> Select[tuple[object, ...]]:
    named = (release.c.sha256, release.c.folder, release.c.manifest, release.c.created_at)
    return select(release.c.id, release.c.name, dataset.c.name.label("dataset"), *named).join(
        dataset, dataset.c.id == release.c.dataset_id
    )


def files_of_release(engine: Engine, release_id: int) -> list[ReleaseFileRow]:
    """List the files of a release by their URIs."""
    columns = [release_file.c[name] for name in ReleaseFileRow.__dataclass_fields__]
    query = select(*columns).where(release_file.c.release_id == release_id).order_by(release_file.c.uri)
    with engine.connect() as connection:
        return [ReleaseFileRow(*row) for row in connection.execute(query)]


def decided_in(engine: Engine, release_id: int, uids: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """Tell of some uids what the partitions of a release say of them: a key, and a reason; None where one is kept."""
    with engine.connect() as connection:
        of_release = select(release_partition.c.attempt_id, release_partition.c.decision_set_id)
        query = of_release.where(release_partition.c.release_id == release_id)
        sets = {tuple(row) for row in connection.execute(query)}
        return {
            uid: (key, reason)
            for batch in in_batches(uids)
            for uid, key, reason, *decided in connection.execute(_decided(batch))
            if tuple(decided) in sets
        }


def _decided(uids: Sequence[str]) -> Select[tuple[object, ...]]:
    same_pair = and_(decision.c.attempt_id == pair.c.attempt_id, decision.c.ordinal == pair.c.ordinal)
    return (
        select(pair.c.uid, pair.c.key, decision.c.reason, decision.c.attempt_id, decision.c.decision_set_id)
        .join(decision, same_pair)
        .where(pair.c.uid.in_(uids))
        # Of copies the one that is kept is told.
        .order_by(func.coalesce(decision.c.reason, "").desc(), pair.c.attempt_id.desc(), pair.c.ordinal.desc())
    )


def clock(engine: Engine) -> datetime:
    """Read the database's clock."""
    with engine.connect() as connection:
        return now(connection)
