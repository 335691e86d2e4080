"""What a run reports: how far its partitions are, and what stands committed in them."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, literal, select

from pairsift.adapters.store.decisions import committed_partitions, decide_attempt
from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.protocol import commit_attempt, record_chunk
from pairsift.adapters.store.registry import activate_decision_set
from pairsift.adapters.store.rows import Counts, DecidedRow
from pairsift.adapters.store.summaries import (
    AlignmentBin,
    PartitionSummary,
    VerdictSummary,
    alignment_histogram,
    progress,
    summarise,
    summarise_partitions,
)
from pairsift.adapters.store.tables import SCORE_COLUMNS, decision
from tests.adapters.store.lives import (
    REQUEST,
    Prepared,
    chunk_row,
    claim,
    decision_rows,
    live,
    prepare,
    result,
    score_rows,
)

MANY = 40_000
"""More ids than SQLite takes variables in a statement."""


def commit_alignments(engine: Engine, prepared: Prepared, *alignments: float | None) -> None:
    """Commit six pairs with these alignments; the first is dropped, the second quarantined, the others are kept."""
    at = SCORE_COLUMNS.index("pair_alignment")
    scores = [(*row[:at], value, *row[at + 1 :]) for row, value in zip(score_rows(), alignments, strict=True)]
    held = claim(engine, prepared.partition_id, replace(REQUEST, decision_fingerprint=str(alignments)))
    commit_attempt(engine, held, replace(result(prepared.decision_set_id), scores=scores))


@pytest.fixture
def prepared(engine: Engine) -> Prepared:
    return prepare(engine)


def test_progress_counts_the_pairs_that_the_last_attempt_scored(engine: Engine):
    for name in ("cats", "dogs"):
        held = claim(engine, prepare(engine, name).partition_id)
        record_chunk(engine, held, chunk_row(0))
        record_chunk(engine, held, replace(chunk_row(1), rows=2))

    (row,) = progress(engine, "cats")

    assert (row.partition, row.status, row.scored, row.kept) == ("shard-0", "running", 5, None)


def test_progress_leaves_out_what_had_ended_before_but_not_what_runs(engine: Engine):
    live(engine, "cats", dropped=0)
    (ended,) = progress(engine, "cats")

    assert progress(engine, "cats", after=ended.attempt) == []
    claim(engine, prepare(engine, "cats").partition_id, replace(REQUEST, decision_fingerprint="another"))
    assert [row.status for row in progress(engine, "cats", after=1_000_000)] == ["running"]


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


def test_verdicts_and_reasons_of_the_partitions_asked_for_are_counted(engine: Engine):
    for name in ("cats", "dogs", "birds"):
        live(engine, name, dropped=0)
    ids = [prepare(engine, name).partition_id for name in ("cats", "dogs")]

    assert summarise(engine, ids) == VerdictSummary(
        Counts(12, 8, 2, 2), {"blurry": 2, "image_corrupt": 2}, example="key-0"
    )


def test_pairs_that_an_earlier_attempt_measured_are_counted(engine: Engine, prepared: Prepared):
    held = claim(engine, prepared.partition_id)
    by_others, by_itself = score_rows(measured_by=held.attempt_id - 1)[:4], score_rows(measured_by=held.attempt_id)[4:]
    made = result(prepared.decision_set_id)
    commit_attempt(engine, held, replace(made, scores=[*by_others, *by_itself]))

    assert summarise(engine, [prepared.partition_id]).recalled == 4


def test_a_partition_tells_its_last_attempt_and_the_counts_of_its_committed_one(engine: Engine, prepared: Prepared):
    commit_alignments(engine, prepared, *[0.25] * 6)
    claim(engine, prepared.partition_id, replace(REQUEST, decision_fingerprint="other", flow_run_id="run-2"))
    untried = prepare(engine, "dogs").partition_id

    assert summarise_partitions(engine, [prepared.partition_id, untried]) == [
        PartitionSummary("shard-0", attempt=2, flow_run_id="run-2", read=6, kept=4),
        PartitionSummary("shard-0", attempt=None, flow_run_id=None, read=None, kept=None),
    ]


def test_any_number_of_partitions_can_be_summed_up(engine: Engine, prepared: Prepared):
    commit_alignments(engine, prepared, *[0.25] * 6)
    ids = [*range(prepared.partition_id + 1, MANY), prepared.partition_id]

    assert summarise(engine, ids).counts == Counts(6, 4, 1, 1)
    assert alignment_histogram(engine, ids) == [AlignmentBin(0.25, kept=4, not_kept=2)]


def test_alignments_are_counted_in_bins_that_hold_their_lower_edge(engine: Engine, prepared: Prepared):
    commit_alignments(engine, prepared, 0.5, None, 0.5, 0.519, 0.52, -0.01)

    assert alignment_histogram(engine, [prepared.partition_id]) == [
        AlignmentBin(-0.01, kept=1, not_kept=0),
        AlignmentBin(0.51, kept=2, not_kept=1),
        AlignmentBin(0.53, kept=1, not_kept=0),
    ]


def test_what_is_summed_up_is_what_is_shown(engine: Engine, prepared: Prepared):
    commit_alignments(engine, prepared, *[0.25] * 6)
    other = prepare(engine, policy="other")
    (part,) = committed_partitions(engine, prepared.dataset_id)
    made = DecidedRow(part.attempt_id, other.decision_set_id, Counts(6, 5, 0, 1), None)
    decide_attempt(engine, made, decision_rows(dropped=-1))

    activate_decision_set(engine, prepared.dataset_id, other.decision_set_id)

    ids = [prepared.partition_id]
    assert summarise(engine, ids).counts == Counts(6, 5, 0, 1)
    assert [each.kept for each in summarise_partitions(engine, ids)] == [5]
    assert alignment_histogram(engine, ids) == [AlignmentBin(0.25, kept=5, not_kept=1)]


def test_the_histogram_is_of_one_decision_set_of_the_committed_attempts(engine: Engine, prepared: Prepared):
    commit_alignments(engine, prepared, *[0.01] * 6)
    commit_alignments(engine, prepared, *[1.0] * 6)
    other = select(decision.c.attempt_id, literal(99), decision.c.ordinal, decision.c.verdict)
    with engine.begin() as connection:
        names = ["attempt_id", "decision_set_id", "ordinal", "verdict"]
        connection.execute(decision.insert().from_select(names, other))
    claim(engine, prepared.partition_id)

    assert alignment_histogram(engine, [prepared.partition_id]) == [AlignmentBin(1.01, kept=4, not_kept=2)]


def test_a_histogram_of_nothing_is_empty(engine: Engine, prepared: Prepared):
    assert alignment_histogram(engine, [prepared.partition_id]) == []
    assert alignment_histogram(engine, []) == []
