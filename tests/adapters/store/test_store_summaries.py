"""What a run reports while it works: how far its partitions are."""

import shutil
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine, event

from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.protocol import record_chunk
from pairsift.adapters.store.summaries import progress
from tests.adapters.store.lives import chunk_row, claim, prepare


def test_progress_counts_the_pairs_that_the_last_attempt_scored(engine: Engine):
    for name in ("cats", "dogs"):
        held = claim(engine, prepare(engine, name).partition_id)
        record_chunk(engine, held, chunk_row(0))
        record_chunk(engine, held, replace(chunk_row(1), rows=2))

    (row,) = progress(engine, "cats")

    assert (row.partition, row.status, row.scored, row.kept) == ("shard-0", "running", 5, None)


def test_progress_is_found_without_reading_the_whole_ledger(sqlite_template: Path, tmp_path: Path):
    """It is read twice a second: a ledger read through for every partition made it quadratic."""
    engine = open_engine(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'pairsift.db')}")
    asked: list[tuple[str, tuple[object, ...]]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    progress(engine, "cats")
    statement, parameters = next(call for call in asked if "FROM chunk" in call[0])

    with engine.connect() as connection:
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]

    engine.dispose()
    assert [step for step in plan if step.startswith("SCAN chunk")] == []
