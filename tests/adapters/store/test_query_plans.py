"""No command reads a table of pairs from end to end where an index leads to the rows it asks for."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from pairsift.adapters.store import (
    decisions,
    kept,
    looked_at,
    origins,
    pruning,
    queries,
    releases,
    settlings,
    sizes,
    summaries,
    takedowns,
)
from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.views import pair_decisions, pair_lineage
from pairsift.core.records import PairContent
from tests.adapters.store.lives import live

LARGE = {"pair", "score", "decision"}
UID, IMAGE = f"{2:032x}", f"{2:064x}"
NOW = datetime(2027, 1, 1, tzinfo=UTC)
AT_WORK = pruning.AtWork({}, frozenset())

Ask = Callable[[Engine], Any]

ASKED: dict[str, Ask] = {
    "status": lambda store: (queries.status(store), sizes.measure_store(store)),
    "explain": lambda store: queries.find_pairs(store, "key-1"),
    "check": lambda store: (queries.conservation(store), queries.stored_files(store)),
    "manifest": lambda store: (queries.active_exports(store, "cats", "file:///out"), queries.export_places(store)),
    "export": lambda store: list(queries.attempt_rows(store, 1, 1)),
    "decide": lambda store: (decisions.committed_partitions(store, 1), settlings.settled_attempts(store, 1)),
    "calibrate": lambda store: decisions.smallest_survivors(store, 1, "score-1", 10),
    "recall": lambda store: origins.find_origins(store, "score-1", [PairContent(UID, IMAGE, captioned=True)]),
    "report": lambda store: (looked_at.ordinal_of(store, 1, "key-1"), looked_at.pair_shown(store, 1, 1, 1)),
    "run": lambda store: (summaries.summarise(store, [1]), summaries.alignment_histogram(store, [1])),
    "release": lambda store: (releases.releasable(store, 1, "file:///out"), releases.kept_of(store, 1, 1)),
    "release diff": lambda store: releases.decided_in(store, 1, [UID]),
    "prune": lambda store: (
        pruning.superseded_attempts(store, NOW),
        pruning.superseded_decisions(store, NOW),
        pruning.loose_chunks(store, NOW, (), AT_WORK),
    ),
    "forget": lambda store: (
        takedowns.find_rows(store, takedowns.Subject(uids=(UID,))),
        takedowns.find_key(store, "shard-0/key-1"),
    ),
    "train-fusion": lambda store: list(kept.kept_pairs(store, "cats")),
    "lineage by uid": lambda store: rows(store, pair_lineage.c.uid == UID),
    "lineage by key": lambda store: rows(store, pair_lineage.c.key == "key-1"),
    "lineage of a partition": lambda store: rows(store, pair_lineage.c.partition == "shard-0"),
    "lineage of a data set": lambda store: rows(store, pair_lineage.c.dataset == "cats"),
    "decisions by uid": lambda store: rows(store, pair_decisions.c.uid == UID),
}


def rows(store: Engine, where: Any) -> list[Any]:
    with store.connect() as connection:
        return list(connection.execute(select(where.left.table).where(where)).all())


@pytest.fixture
def store(sqlite_template: Path, tmp_path: Path) -> Iterator[Engine]:
    """Open an SQLite database with three data sets, one of which was committed twice."""
    path = tmp_path / "pairsift.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = open_engine(f"sqlite:///{path}")
    for dataset, dropped in (("cats", 0), ("cats", 2), ("dogs", 3), ("owls", 4)):
        live(engine, dataset, dropped)
    yield engine
    engine.dispose()


def scans(store: Engine, ask: Ask) -> list[str]:
    """Ask, and name the large tables that SQLite goes through from end to end for it."""
    found: list[str] = []

    def explain(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            driver = connection.connection.driver_connection
            plan = driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            steps = [str(step[3]).split() for step in plan]
            found.extend(f"{step[1]}: {statement}" for step in steps if step[0] == "SCAN" and step[1] in LARGE)

    event.listen(store, "before_cursor_execute", explain)
    ask(store)
    event.remove(store, "before_cursor_execute", explain)
    return found


def test_no_command_reads_a_large_table_from_end_to_end(store: Engine):
    assert {name: scans(store, ask) for name, ask in ASKED.items() if scans(store, ask)} == {}


def test_a_takedown_by_a_pictures_sha256_does_and_is_noticed(store: Engine):
    (scan,) = scans(store, lambda each: takedowns.find_rows(each, takedowns.Subject(images=(IMAGE,))))

    assert scan.startswith("pair: SELECT")
