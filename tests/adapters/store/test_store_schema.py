"""Opening, upgrading, and refusing databases; times; the views' columns."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, inspect, select, text

from pairsift.adapters.store.engine import (
    alembic_config,
    now,
    open_engine,
    require_current,
    shown_url,
    transient,
    upgrade,
    writing,
)
from pairsift.adapters.store.tables import dataset
from pairsift.adapters.store.views import drop_views
from pairsift.core.signals import SIGNALS
from pairsift.errors import StoreError
from tests.adapters.store.lives import Clock, live

LINEAGE = [
    *("dataset", "partition", "attempt", "key", "uid", "source_uid", "source_uri", "byte_offset", "byte_size"),
    *("image_sha256", "raw_caption", "caption"),
    *(signal.column for signal in SIGNALS),
    *("pair_alignment_z", "pair_alignment_p", "pair_alignment_q", "pair_neg_clip_loss", "pair_norm_sim"),
    *("policy", "policy_version", "verdict", "kept"),
    *(
        "reason",
        "duplicate_group",
        "duplicate_of",
        "evaluation_match",
        "evaluation_distance",
        "export_uri",
        "export_row",
        "score_fingerprint",
        "flow_run_id",
        "run_id",
    ),
    *("measured_dataset", "measured_partition", "measured_attempt", "recalled"),
]
VIEWS = ["pair_decisions", "pair_lineage", "partition_status", "run_summary"]


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_url)
    yield engine
    engine.dispose()


def test_a_database_without_tables_is_refused_until_it_is_upgraded(empty_url: str, empty: Engine):
    with pytest.raises(StoreError, match=r"has no tables yet: run `pairsift db upgrade`"):
        require_current(empty)

    upgrade(empty_url)
    upgrade(empty_url)

    require_current(empty)


def test_a_database_of_a_newer_version_is_refused(url: str, engine: Engine):
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreError, match="is newer than this Pairsift"):
        require_current(engine)
    with pytest.raises(StoreError, match="is newer than this Pairsift"):
        upgrade(url)


def test_the_migrations_make_exactly_the_tables_that_the_code_has(engine: Engine):
    live(engine, "cats", dropped=0)

    with writing(engine) as connection:
        command.check(alembic_config(connection))

    assert sorted(inspect(engine).get_view_names()) == VIEWS


def test_an_upgrade_that_fails_leaves_views_and_data_as_they_were(url: str, engine: Engine):
    live(engine, "cats", dropped=0)
    with writing(engine) as connection:
        command.stamp(alembic_config(connection), "base")

    with pytest.raises(StoreError, match="already exists"):
        upgrade(url)

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pair_lineage")) == 6


def test_a_schema_can_be_taken_back_and_made_again(url: str, engine: Engine):
    with writing(engine) as connection:
        drop_views(connection)
        command.downgrade(alembic_config(connection), "base")
    left = inspect(engine).get_table_names()

    upgrade(url)

    assert left == ["alembic_version"]
    live(engine, "cats", dropped=0)


def test_the_lineage_has_the_columns_that_people_script_against(engine: Engine):
    assert [column["name"] for column in inspect(engine).get_columns("pair_lineage")] == LINEAGE


@pytest.mark.parametrize(
    ("url_given", "expected"),
    [
        ("mysql://me:secret@host/db", "'mysql' are not supported"),
        ("postgresql+psycopg2://me:secret@host/db", "are not supported"),
        ("secret", "cannot be read"),
        ("postgresql://me:secret@host:port/db", "cannot be read"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_an_unusable_url_is_named_without_its_password(url_given: str, expected: str):
    with pytest.raises(StoreError, match=expected) as raised:
        open_engine(url_given)

    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("secret_at", ["postgresql://me:secret@{}/db", "postgresql://me@{}/db?password=secret"])
def test_an_unreachable_database_is_named_without_its_password(secret_at: str):
    engine = open_engine(secret_at.format("127.0.0.1:1"))

    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/db cannot be used") as raised:
        require_current(engine)

    assert "secret" not in str(raised.value)


def test_sqlite_is_durable_waits_and_keeps_foreign_keys(tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path}/deep/down/pairsift.db")

    with engine.connect() as connection:
        pragmas = [
            connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]

    engine.dispose()
    assert pragmas == ["wal", 2, 1, 30_000]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_host_that_vanished_is_noticed_and_its_locks_are_freed(engine: Engine):
    with engine.connect() as connection:
        connection.rollback()
        asked = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]  # psycopg's
        let_go_after = connection.scalar(text("SHOW idle_in_transaction_session_timeout"))

    assert (asked["keepalives_idle"], asked["tcp_user_timeout"], let_go_after) == ("30", "60000", "5min")


def test_the_urls_own_options_win():
    engine = open_engine("postgresql://me@host/db?keepalives_idle=7&connect_timeout=3")

    assert engine.url.query["keepalives_idle"] == "7"
    assert engine.url.query["connect_timeout"] == "3"


def test_times_come_back_aware_and_in_utc(engine: Engine):
    noon_in_tokyo = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=9)))
    with engine.begin() as connection:
        connection.execute(dataset.insert().values(name="cats", created_at=noon_in_tokyo))

        stored = connection.execute(select(dataset.c.created_at)).scalar_one()

    assert (stored, stored.tzinfo) == (datetime(2026, 5, 1, 3, tzinfo=UTC), UTC)


def test_a_naive_time_is_refused(engine: Engine):
    with engine.begin() as connection, pytest.raises(Exception, match="naive time"):
        connection.execute(dataset.insert().values(name="cats", created_at=datetime(2026, 5, 1)))  # noqa: DTZ001 - naive on purpose


def test_leases_go_by_the_database_or_by_the_clock_given(url: str, engine: Engine, clock: Clock):
    by_default = open_engine(url)

    with by_default.connect() as connection:
        off_by = abs(now(connection) - datetime.now(UTC))
    with engine.connect() as connection:
        given = now(connection)

    by_default.dispose()
    assert off_by < timedelta(minutes=1)
    assert given == clock.time


def test_a_lost_connection_is_transient_and_a_wrong_statement_is_not(engine: Engine):
    unreachable = create_engine("postgresql+psycopg://me@127.0.0.1:1/db")

    with pytest.raises(Exception, match="refused") as lost:
        unreachable.connect()
    with engine.connect() as connection, pytest.raises(Exception, match="nowhere") as wrong:
        connection.execute(text("SELECT * FROM nowhere WHERE 1 = (SELECT count(*) FROM dataset)"))

    assert transient(lost.value)
    assert transient(wrong.value) is (engine.dialect.name == "sqlite")


@pytest.mark.parametrize("secret_at", ["postgresql://me:secret@host/db", "postgresql://me@host/db?password=secret"])
def test_a_url_is_shown_without_its_password(secret_at: str):
    assert shown_url(open_engine(secret_at)) in {
        "postgresql+psycopg://me:***@host/db",
        "postgresql+psycopg://me@host/db",
    }


def test_a_folder_that_cannot_be_made_for_the_database_is_named(tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match=r"file/new cannot be made: .* set PAIRSIFT_STORAGE"):
        open_engine(f"sqlite:///{tmp_path}/file/new/pairsift.db")
