"""A database that the first version committed pairs to is upgraded with them, on both engines.

`first_version/` was written by the code of commit ac6343d, the last with migration 0001 alone: `pairsift run` over two
shards of the sample, its rows as JSON and its chunk and export files as they were. `{folder}` stands for where it lay.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from prefect.logging import disable_run_logger
from sqlalchemy import Connection, DateTime, Engine, MetaData, Table, func, inspect, select, text

from pairsift.adapters.checking import check
from pairsift.adapters.policies import load_policy
from pairsift.adapters.redeciding import Again, decide_again
from pairsift.adapters.store.engine import alembic_config, open_engine, upgrade, writing
from pairsift.adapters.store.views import QUERIES, drop_views, pair_lineage
from pairsift.adapters.stories import tell
from tasks import workplace
from tasks.finish import finish_run
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import cut
from tests.tasks.steps import claimed, committed, plan_of

KEPT = Path(__file__).parent / "first_version"
VERDICTS = {
    ("a", "000000001"): ("keep", None),
    ("a", "000000002"): ("keep", None),
    ("a", "000000007"): ("drop", "blurry"),
    ("a", "000000049"): ("quarantine", "image_corrupt"),
    ("b", "000000004"): ("keep", None),
    ("b", "000000016"): ("drop", "exact_duplicate"),
    ("b", "000000061"): ("keep", None),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lay the first version's files where its rows will say that they are."""
    shutil.copytree(KEPT / "storage", tmp_path / "storage")
    return tmp_path


@pytest.fixture
def first_version(empty_url: str, folder: Path) -> Iterator[Engine]:
    """Open a database of version 0001 with all that was committed to it."""
    rows = json.loads((KEPT / "rows.json").read_text(encoding="utf-8").replace("{folder}", str(folder)))
    engine = open_engine(empty_url)
    with writing(engine) as connection:
        command.upgrade(alembic_config(connection), "0001")
        tables = MetaData()
        tables.reflect(connection)
        for table in tables.sorted_tables:
            for row in rows.get(table.name, []):
                connection.execute(table.insert().values(_typed(table, row)))
            _count_on(connection, table)
    yield engine
    engine.dispose()


def _typed(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    times = {column.name for column in table.columns if isinstance(column.type, DateTime)}
    return {
        name: datetime.fromisoformat(value).replace(tzinfo=UTC) if name in times else value
        for name, value in row.items()
    }


def _count_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number the next row behind those that were inserted with their numbers."""
    if connection.dialect.name == "postgresql" and [column.name for column in table.primary_key] == ["id"]:
        last = select(func.max(table.c.id)).scalar_subquery()
        connection.execute(select(func.setval(func.pg_get_serial_sequence(table.name, "id"), last)))


def verdicts(engine: Engine) -> dict[tuple[str, str], tuple[str, str | None]]:
    shown = pair_lineage.c
    with engine.connect() as connection:
        rows = connection.execute(select(shown.partition, shown.key, shown.verdict, shown.reason)).all()
    return {(partition, key): (verdict, reason) for partition, key, verdict, reason in rows}


def test_what_was_committed_is_there_after_the_upgrade(empty_url: str, first_version: Engine, folder: Path):
    upgrade(empty_url)

    assert verdicts(first_version) == VERDICTS
    with first_version.connect() as connection:
        counts = {view: connection.scalar(text(f"SELECT count(*) FROM {view}")) for view in QUERIES}
    assert counts == {"pair_lineage": 7, "pair_decisions": 7, "partition_status": 2, "run_summary": 1}
    result = check(first_version, folder / "storage", repair=False)
    assert (result.problems, result.checked["pairs"], result.checked["files"]) == ([], 7, 8)
    (story,) = tell(first_version, "000000007")
    assert story["decision"]["rule"].startswith("rule 1: image.sharpness = ")
    with writing(first_version) as connection:
        command.check(alembic_config(connection))


def test_an_upgrade_of_committed_pairs_can_be_taken_back_and_made_again(empty_url: str, first_version: Engine):
    upgrade(empty_url)
    with writing(first_version) as connection:
        drop_views(connection)
        command.downgrade(alembic_config(connection), "0001")
        tables = inspect(connection).get_table_names()

    upgrade(empty_url)

    assert "target_set" not in tables
    assert verdicts(first_version) == VERDICTS


def test_its_pairs_are_decided_again_from_what_is_stored(empty_url: str, first_version: Engine, folder: Path):
    upgrade(empty_url)

    decided = decide_again(first_version, folder / "storage", Again("cats", load_policy(str(fixed_cut(folder, 2, 2)))))

    assert (decided.decided, decided.tally.after["kept"]) == (2, 0)
    told = {key: reason for (_, key), (_, reason) in verdicts(first_version).items()}
    assert told == {key: reason or "below_cut" for (_, key), (_, reason) in VERDICTS.items()}


@pytest.fixture
def at_work(empty_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let tasks work on that database and in that folder."""
    monkeypatch.setenv("PAIRSIFT_DATABASE_URL", empty_url)
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(folder / "storage"))
    yield
    workplace.store().dispose()


@pytest.mark.usefixtures("at_work")
def test_a_run_on_top_of_it_works(empty_url: str, first_version: Engine, folder: Path):
    upgrade(empty_url)
    cut(folder / "cats" / "a.tar", (1, 2, 7, 49))
    cut(folder / "cats" / "b.tar", (4, 16, 61))
    cut(folder / "cats" / "c.tar", (3,))

    with disable_run_logger():
        plan = plan_of(folder / "cats", policy=str(fixed_cut(folder, version=3)))
        finish_run.fn(plan, [committed(job, claimed(job)) for job in plan.jobs])

    assert plan.dataset == "cats"
    assert verdicts(first_version) == VERDICTS | {("c", "000000003"): ("keep", None)}
    assert check(first_version, folder / "storage", repair=False).problems == []
