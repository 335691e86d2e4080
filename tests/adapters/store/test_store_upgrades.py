"""A database that an older version filled is brought up to date with its data."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from alembic import command
from sqlalchemy import Engine, MetaData, null, select, text

from pairsift.adapters.store.engine import alembic_config, open_engine, require_current, upgrade, writing
from pairsift.adapters.store.origins import find_origins
from pairsift.adapters.store.queries import status
from pairsift.adapters.store.tables import attempt, pair
from pairsift.adapters.store.views import drop_views, run_summary
from pairsift.core.records import PairContent
from pairsift.errors import StoreError
from tests.adapters.store.lives import REQUEST, live

LONG_AGO = datetime(2025, 1, 2, tzinfo=UTC)
ATTEMPT = {
    "partition_id": 1,
    "kind": "curate",
    "status": "failed",
    "started_at": LONG_AGO,
    "host": "old-host",
    "pid": 7,
    "config_hash": REQUEST.config_hash,
    "versions": {},
    "input_fingerprint": "input-1",
    "score_fingerprint": "score-1",
    "decision_fingerprint": "decision-1",
    "device": "cpu",
    "dtype": "float32",
}


@pytest.fixture
def first_version(empty_url: str) -> Iterator[Engine]:
    """Open a database of version 0001 in which two attempts failed, one of them outside any flow."""
    engine = open_engine(empty_url)
    with writing(engine) as connection:
        command.upgrade(alembic_config(connection), "0001")
        tables = MetaData()
        tables.reflect(connection)
        connection.execute(tables.tables["dataset"].insert().values(name="cats", created_at=LONG_AGO))
        partition = {"key": "shard-0", "uri": "file:///shard-0.tar", "format": "webdataset", "members": []}
        connection.execute(
            tables.tables["partition"]
            .insert()
            .values(dataset_id=1, input_fingerprint="input-1", status="failed", fence=2, **partition)
        )
        rows = [{**ATTEMPT, "number": 1, "flow_run_id": "run-1"}, {**ATTEMPT, "number": 2, "flow_run_id": None}]
        connection.execute(tables.tables["attempt"].insert(), rows)
    yield engine
    engine.dispose()


def runs_of_attempts(engine: Engine) -> list[tuple[object, ...]]:
    query = select(attempt.c.number, attempt.c.run_id, attempt.c.flow_run_id).order_by(attempt.c.number)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_a_database_of_an_older_version_is_refused_until_it_is_upgraded(empty_url: str, first_version: Engine):
    with pytest.raises(StoreError, match=r"is at the older version 0001: run `pairsift db upgrade`"):
        require_current(first_version)

    upgrade(empty_url)

    require_current(first_version)
    with writing(first_version) as connection:
        command.check(alembic_config(connection))


def test_what_was_called_the_flow_run_becomes_the_run_of_old_attempts(empty_url: str, first_version: Engine):
    upgrade(empty_url)

    assert runs_of_attempts(first_version) == [(1, "run-1", None), (2, None, None)]
    (row,) = status(first_version)
    assert (row["partition"], row["attempt"], row["run_id"]) == ("shard-0", 2, None)
    with first_version.connect() as connection:
        runs = connection.execute(select(run_summary.c.run_id, run_summary.c.failed)).all()
    assert {tuple(row) for row in runs} == {("run-1", 1), (None, 1)}


def test_work_goes_on_in_an_upgraded_database(empty_url: str, first_version: Engine):
    upgrade(empty_url)

    live(first_version, "cats", dropped=0)

    (row,) = status(first_version)
    assert (row["status"], row["attempt"], row["pairs_read"]) == ("committed", 3, 6)


def test_an_upgrade_can_be_taken_back_with_its_data(empty_url: str, first_version: Engine):
    upgrade(empty_url)
    live(first_version, "dogs", dropped=0)
    with writing(first_version) as connection:
        drop_views(connection)
        command.downgrade(alembic_config(connection), "0001")
        old = connection.execute(text("SELECT number, flow_run_id FROM attempt WHERE partition_id = 1 ORDER BY number"))
        before = [tuple(row) for row in old]

    upgrade(empty_url)

    assert before == [(1, "run-1"), (2, None)]
    assert runs_of_attempts(first_version)[0] == (1, "run-1", None)
    assert [row["status"] for row in status(first_version)] == ["failed", "committed"]


@pytest.fixture
def second_version(empty_url: str) -> Iterator[Engine]:
    """Open a database of version 0002: attempt 1 failed after its first chunk of two, and attempt 2 committed both.

    The file of the second chunk was lost then, and attempt 3 is making it anew.
    """
    engine = open_engine(empty_url)
    with writing(engine) as connection:
        command.upgrade(alembic_config(connection), "0002")
        tables = MetaData()
        tables.reflect(connection)
        for name, rows in rows_of_second_version().items():
            connection.execute(tables.tables[name].insert(), rows)
    yield engine
    engine.dispose()


def rows_of_second_version() -> dict[str, list[dict[str, object]]]:
    shard = {"key": "shard-0", "uri": "file:///shard-0.tar", "format": "webdataset", "members": []}
    partition = {**shard, "dataset_id": 1, "input_fingerprint": "input-1", "status": "running", "fence": 3}
    attempts = [
        {**ATTEMPT, "number": number, "status": status, "chunks": chunks}
        for number, status, chunks in ((1, "failed", null()), (2, "committed", ["c-0", "c-1"]), (3, "running", null()))
    ]
    chunk = {"partition_id": 1, "sha256": "cd", "size": 1, "rows": 2, "created_at": LONG_AGO}
    ledger = [{**chunk, "fingerprint": f"c-{i}", "uri": f"c-{i}", "attempt_id": made} for i, made in ((0, 1), (1, 3))]
    pairs = [{"attempt_id": 2, "ordinal": i, "key": f"key-{i}", "uid": f"uid-{i}"} for i in range(4)]
    scores = [{"attempt_id": 2, "ordinal": i, "unmeasurable": {}, "extra": {}} for i in range(4)]
    dataset = [{"name": "cats", "created_at": LONG_AGO}]
    return {"dataset": dataset, "partition": [partition], "attempt": attempts} | {
        "chunk": ledger,
        "pair": pairs,
        "score": scores,
    }


def test_pairs_of_older_versions_name_the_attempt_that_measured_them(empty_url: str, second_version: Engine):
    upgrade(empty_url)

    found = find_origins(second_version, "score-1", [PairContent(f"uid-{i}", None, captioned=False) for i in range(4)])
    told = sorted((origin.file.uri, origin.row, origin.measured_by) for origin in found)
    assert told == [("c-0", 0, 1), ("c-0", 1, 1), ("c-1", 0, 2), ("c-1", 1, 2)]
    with writing(second_version) as connection:
        command.check(alembic_config(connection))


def test_pairs_of_older_versions_carry_no_columns_of_their_source(empty_url: str, second_version: Engine):
    upgrade(empty_url)

    with second_version.connect() as connection:
        carried = connection.execute(select(pair.c.source_columns.is_(null()))).scalars().all()
    assert set(carried) == {True}


def test_an_upgrade_to_who_measured_can_be_taken_back_with_its_data(empty_url: str, second_version: Engine):
    upgrade(empty_url)
    with writing(second_version) as connection:
        drop_views(connection)
        command.downgrade(alembic_config(connection), "0002")

    upgrade(empty_url)

    assert len(find_origins(second_version, "score-1", [PairContent("uid-0", None, captioned=False)])) == 1
