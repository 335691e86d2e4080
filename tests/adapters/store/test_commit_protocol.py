"""Claim, fence, commit, failure: what the protocol promises, one claim a test."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, text

from pairsift.adapters.store.claims import begin_attempt, find_committed, partitions_to_rerun
from pairsift.adapters.store.process import ProcessIdentity
from pairsift.adapters.store.protocol import (
    commit_attempt,
    commit_export,
    fail_attempt,
    ledgered_chunks,
    record_chunk,
    renew_lease,
)
from pairsift.adapters.store.queries import status
from pairsift.adapters.store.rows import AttemptRequest, Claim, Committed, Counts, PartitionStatus
from pairsift.adapters.store.tables import attempt, chunk, pair, partition
from pairsift.adapters.store.views import pair_lineage
from pairsift.errors import Busy, ConservationError, Fenced
from tests.adapters.store.lives import (
    ELSEWHERE,
    EXPORT_REQUEST,
    FORMATS,
    ME,
    OUT,
    REQUEST,
    START,
    Clock,
    Prepared,
    chunk_row,
    claim,
    decision_rows,
    export_rows,
    live,
    pair_rows,
    prepare,
    result,
    score_rows,
)

DONE_REQUEST = replace(REQUEST, decision_fingerprint="decision-0")
"""What `live(…, dropped=0)` commits."""


@pytest.fixture
def prepared(engine: Engine) -> Prepared:
    return prepare(engine)


def lineage(engine: Engine) -> list[tuple[object, ...]]:
    query = select(pair_lineage.c.dataset, pair_lineage.c.key, pair_lineage.c.verdict).order_by("dataset", "key")
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def attempts(engine: Engine) -> list[tuple[int, str]]:
    with engine.connect() as connection:
        rows = connection.execute(select(attempt.c.number, attempt.c.status).order_by(attempt.c.number))
        return [tuple(row) for row in rows]


def test_a_claim_is_the_first_attempt_with_its_lease(engine: Engine, prepared: Prepared):
    claimed = claim(engine, prepared.partition_id)

    assert (claimed.fence, claimed.committed_attempt_id) == (1, None)
    (row,) = status(engine)
    assert (row["status"], row["lease_until"]) == ("running", START + timedelta(seconds=90))
    assert (row["host"], row["pid"], row["started_at"]) == (ME.host, ME.pid, START)


def test_a_partition_at_work_is_busy_and_says_who_where_and_since_when(engine: Engine, prepared: Prepared):
    claim(engine, prepared.partition_id, me=ELSEWHERE)

    with pytest.raises(Busy, match=r"shard-0 .* attempt 1 \(process 4711 on other-host\) since 2026-01-02 03:04:05"):
        begin_attempt(engine, prepared.partition_id, REQUEST, ME)


def test_a_lease_that_ran_out_is_taken_and_the_old_attempt_is_lost(engine: Engine, prepared: Prepared, clock: Clock):
    claim(engine, prepared.partition_id, me=ELSEWHERE)
    clock.advance(90)

    taken = claim(engine, prepared.partition_id)

    assert taken.fence == 2
    assert attempts(engine) == [(1, "lost"), (2, "running")]


def test_a_renewed_lease_is_not_taken(engine: Engine, prepared: Prepared, clock: Clock):
    held = claim(engine, prepared.partition_id, me=ELSEWHERE)
    clock.advance(89)
    renew_lease(engine, held)
    clock.advance(89)

    with pytest.raises(Busy):
        begin_attempt(engine, prepared.partition_id, REQUEST, ME)


def test_a_dead_process_of_this_machine_is_taken_over_at_once(engine: Engine, prepared: Prepared):
    claim(engine, prepared.partition_id, me=replace(ME, start=1))

    assert claim(engine, prepared.partition_id).fence == 2


def test_a_retry_of_the_same_run_takes_its_own_claim_over(engine: Engine, prepared: Prepared):
    request = replace(REQUEST, run_id="run-1", flow_run_id="flow-1")
    first = claim(engine, prepared.partition_id, request, ELSEWHERE)

    again = claim(engine, prepared.partition_id, replace(request, flow_run_id="flow-2"), ELSEWHERE)

    assert again.fence == first.fence + 1


@pytest.mark.parametrize("run_id", [None, "run-1"])
def test_another_run_finds_the_partition_busy_even_under_the_same_flow_run(
    engine: Engine, prepared: Prepared, run_id: str | None
):
    request = replace(REQUEST, run_id=run_id, flow_run_id="flow-1")
    claim(engine, prepared.partition_id, request, ELSEWHERE)

    with pytest.raises(Busy):
        begin_attempt(engine, prepared.partition_id, replace(request, run_id=None), ELSEWHERE)


def write_chunk(engine: Engine, held: Claim) -> None:
    record_chunk(engine, held, chunk_row(0))


def write_commit(engine: Engine, held: Claim) -> None:
    commit_attempt(engine, held, result(decision_set_id=1))


def write_export(engine: Engine, held: Claim) -> None:
    exporting = replace(held, kind=EXPORT_REQUEST.kind, committed_attempt_id=held.attempt_id)
    commit_export(engine, exporting, OUT, export_rows())


@pytest.mark.parametrize("write", [renew_lease, write_chunk, write_commit, write_export])
def test_a_fenced_attempt_can_write_nothing(
    engine: Engine, prepared: Prepared, clock: Clock, write: Callable[[Engine, Claim], None]
):
    held = claim(engine, prepared.partition_id, me=ELSEWHERE)
    clock.advance(90)
    claim(engine, prepared.partition_id)
    before = status(engine)

    with pytest.raises(Fenced):
        write(engine, held)

    assert status(engine) == before
    assert lineage(engine) == []
    assert ledgered_chunks(engine, prepared.partition_id, ["chunk-0"]) == {}


def test_a_fenced_attempt_cannot_fail_its_successor(engine: Engine, prepared: Prepared, clock: Clock):
    held = claim(engine, prepared.partition_id, me=ELSEWHERE)
    clock.advance(90)
    claim(engine, prepared.partition_id)

    assert fail_attempt(engine, held, "too late") is False
    assert attempts(engine) == [(1, "lost"), (2, "running")]


def test_an_attempt_whose_lease_ran_out_may_still_write_while_nobody_took_it(
    engine: Engine, prepared: Prepared, clock: Clock
):
    held = claim(engine, prepared.partition_id)
    clock.advance(1000)

    commit_attempt(engine, held, result(prepared.decision_set_id))

    assert len(lineage(engine)) == 6


def test_a_chunk_of_an_earlier_attempt_is_reused(engine: Engine, prepared: Prepared):
    first = claim(engine, prepared.partition_id)
    record_chunk(engine, first, chunk_row(0))
    fail_attempt(engine, first, "disk full")
    claim(engine, prepared.partition_id)

    found = ledgered_chunks(engine, prepared.partition_id, ["chunk-0", "chunk-1"])

    assert found == {"chunk-0": chunk_row(0)}


def test_a_chunk_made_again_takes_the_old_rows_place(engine: Engine, prepared: Prepared):
    held = claim(engine, prepared.partition_id)
    record_chunk(engine, held, chunk_row(0))
    again = replace(chunk_row(0), sha256="ef" * 32)

    record_chunk(engine, held, again)

    assert ledgered_chunks(engine, prepared.partition_id, ["chunk-0"]) == {"chunk-0": again}


def test_a_commit_makes_the_rows_visible_and_frees_the_partition(engine: Engine, prepared: Prepared):
    held = claim(engine, prepared.partition_id)

    commit_attempt(engine, held, result(prepared.decision_set_id))

    assert [verdict for _, _, verdict in lineage(engine)] == ["drop", "quarantine", "keep", "keep", "keep", "keep"]
    (row,) = status(engine)
    assert (row["status"], row["committed_attempt"], row["lease_until"], row["error"]) == ("committed", 1, None, None)
    assert [row[f"pairs_{count}"] for count in ("read", "kept", "dropped", "quarantined")] == [6, 4, 1, 1]
    assert row["damage"] == ["shard-0.tar: 1 member unreadable at 4096"]


def test_a_commit_repeated_after_a_lost_reply_changes_nothing(engine: Engine, prepared: Prepared):
    held = claim(engine, prepared.partition_id)
    commit_attempt(engine, held, result(prepared.decision_set_id))
    before = (status(engine), lineage(engine))

    commit_attempt(engine, held, result(prepared.decision_set_id))
    renew_lease(engine, held)

    assert (status(engine), lineage(engine)) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"counts": Counts(6, 5, 0, 1)},
        {"counts": Counts(7, 4, 1, 1)},
        {"pairs": pair_rows(5)},
        {"scores": score_rows(5)},
        {"pairs": [*pair_rows(5), (6, *pair_rows()[5][1:])]},
        {"decisions": decision_rows(5)},
        {"decisions": decision_rows()[::-1]},
    ],
    ids=["verdicts", "read", "pair lost", "score lost", "ordinal skipped", "decision lost", "out of order"],
)
def test_a_commit_that_loses_or_doubles_a_pair_is_refused_whole(engine: Engine, prepared: Prepared, wrong):
    held = claim(engine, prepared.partition_id)

    with pytest.raises(ConservationError):
        commit_attempt(engine, held, replace(result(prepared.decision_set_id), **wrong))

    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(pair)) == 0
    assert attempts(engine) == [(1, "running")]


def test_an_empty_partition_can_be_committed(engine: Engine, prepared: Prepared):
    held = claim(engine, prepared.partition_id)
    nothing = replace(result(prepared.decision_set_id), pairs=[], scores=[], decisions=[], counts=Counts(0, 0, 0, 0))

    commit_attempt(engine, held, nothing)

    assert attempts(engine) == [(1, "committed")]


def test_a_failure_keeps_the_earlier_rows_and_the_error(engine: Engine):
    live(engine, "cats", dropped=0)
    before = lineage(engine)
    partition_id = prepare(engine).partition_id
    held = claim(engine, partition_id, replace(REQUEST, decision_fingerprint="decision-2"))

    assert fail_attempt(engine, held, "disk\0 full") is True

    assert lineage(engine) == before
    (row,) = status(engine)
    assert (row["status"], row["error"], row["committed_attempt"]) == ("failed", "disk\\x00 full", 1)
    assert claim(engine, partition_id, replace(REQUEST, decision_fingerprint="decision-2")).fence == 3


def test_an_attempt_stopped_on_purpose_is_marked_interrupted_and_frees_the_partition(
    engine: Engine, prepared: Prepared
):
    held = claim(engine, prepared.partition_id)

    assert fail_attempt(engine, held, "the run was stopped", PartitionStatus.INTERRUPTED) is True

    (row,) = status(engine)
    assert (row["status"], row["error"], row["lease_until"]) == ("interrupted", "the run was stopped", None)
    assert attempts(engine) == [(1, "interrupted")]


def test_a_failure_that_cannot_reach_the_database_returns_false(engine: Engine, prepared: Prepared):
    held = claim(engine, prepared.partition_id)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE partition RENAME TO elsewhere"))

    assert fail_attempt(engine, held, "disk full") is False


def test_the_same_input_and_decision_are_not_done_again(engine: Engine):
    live(engine, "cats", dropped=0)
    partition_id = prepare(engine).partition_id

    found = begin_attempt(engine, partition_id, DONE_REQUEST, ME)

    assert isinstance(found, Committed)
    assert found.exports == export_rows("export-0")
    assert attempts(engine) == [(1, "committed")]


@pytest.mark.parametrize(
    "request_changed",
    [replace(DONE_REQUEST, input_fingerprint="input-2"), replace(DONE_REQUEST, decision_fingerprint="decision-2")],
    ids=["input", "decision"],
)
def test_another_input_or_decision_is_done_anew(engine: Engine, request_changed: AttemptRequest):
    live(engine, "cats", dropped=0)

    assert isinstance(begin_attempt(engine, prepare(engine).partition_id, request_changed, ME), Claim)


@pytest.mark.parametrize(
    "request_changed",
    [replace(DONE_REQUEST, out_uri="file:///else"), replace(DONE_REQUEST, files=(*FORMATS, "shard"))],
    ids=["out", "files"],
)
def test_an_export_never_made_like_this_is_said_to_be_missing(engine: Engine, request_changed: AttemptRequest):
    live(engine, "cats", dropped=0)

    found = begin_attempt(engine, prepare(engine).partition_id, request_changed, ME)

    assert isinstance(found, Committed)
    assert found.exports == ()


def test_a_missing_export_is_added_to_the_committed_attempt(engine: Engine):
    live(engine, "cats", dropped=0)
    rows = lineage(engine)
    request = replace(EXPORT_REQUEST, decision_fingerprint="decision-0", out_uri="file:///else")
    held = claim(engine, prepare(engine).partition_id, request)

    commit_export(engine, held, "file:///else", export_rows("export-9"))
    commit_export(engine, held, "file:///else", export_rows("export-9"))

    found = begin_attempt(engine, held.partition_id, replace(request, kind=REQUEST.kind), ME)
    assert isinstance(found, Committed)
    assert found.attempt_id == held.committed_attempt_id
    assert found.exports == export_rows("export-9")
    assert lineage(engine) == rows
    assert attempts(engine) == [(1, "committed"), (2, "committed")]


def test_an_export_of_a_commit_that_was_replaced_is_fenced(engine: Engine):
    live(engine, "cats", dropped=0)

    with pytest.raises(Fenced, match="plan again"):
        begin_attempt(engine, prepare(engine).partition_id, EXPORT_REQUEST, ME)


def test_a_curating_claim_cannot_commit_an_export(engine: Engine, prepared: Prepared):
    with pytest.raises(ValueError, match="kind curate"):
        commit_export(engine, claim(engine, prepared.partition_id), OUT, export_rows())


def test_planning_finds_what_is_committed_without_claiming(engine: Engine):
    live(engine, "cats", dropped=0)
    prepared = prepare(engine)

    found = find_committed(engine, prepared.dataset_id, "decision-0", OUT, FORMATS)

    assert found[prepared.partition_id].exports == export_rows("export-0")
    assert (
        find_committed(engine, prepared.dataset_id, "decision-0", "file:///else", FORMATS)[
            prepared.partition_id
        ].exports
        == ()
    )
    assert find_committed(engine, prepared.dataset_id, "decision-2", OUT, FORMATS) == {}


def test_a_failed_partition_whose_commit_is_asked_for_again_is_set_right(engine: Engine):
    live(engine, "cats", dropped=0)
    prepared = prepare(engine)
    fail_attempt(engine, claim(engine, prepared.partition_id, replace(REQUEST, decision_fingerprint="d-2")), "boom")
    assert find_committed(engine, prepared.dataset_id, "decision-0", OUT, FORMATS) == {}

    begin_attempt(engine, prepared.partition_id, DONE_REQUEST, ME)

    (row,) = status(engine)
    assert (row["status"], row["error"]) == ("committed", None)
    assert partitions_to_rerun(engine, prepared.dataset_id) == []


def test_a_commit_asked_for_while_another_attempt_works_is_skipped_without_disturbing_it(engine: Engine):
    live(engine, "cats", dropped=0)
    prepared = prepare(engine)
    held = claim(engine, prepared.partition_id, replace(REQUEST, decision_fingerprint="d-2"), ELSEWHERE)

    found = begin_attempt(engine, prepared.partition_id, DONE_REQUEST, ME)

    assert isinstance(found, Committed)
    renew_lease(engine, held)


@pytest.mark.parametrize(
    ("me", "listed"),
    [(ELSEWHERE, []), (ME, []), (replace(ME, start=1), ["shard-0"])],
    ids=["cannot be known", "this process", "dead process"],
)
def test_a_running_partition_is_rerun_only_if_nobody_works_on_it(
    engine: Engine, prepared: Prepared, me: ProcessIdentity, listed: list[str]
):
    claim(engine, prepared.partition_id, me=me)

    rerun = partitions_to_rerun(engine, prepared.dataset_id)

    assert [row.key for row in rerun] == listed


def test_a_running_partition_whose_lease_ran_out_is_rerun(engine: Engine, prepared: Prepared, clock: Clock):
    claim(engine, prepared.partition_id, me=ELSEWHERE)
    clock.advance(90)

    rerun = partitions_to_rerun(engine, prepared.dataset_id)

    assert [row.key for row in rerun] == ["shard-0"]


@pytest.mark.parametrize("state", list(PartitionStatus))
def test_failed_lost_and_interrupted_partitions_are_rerun(engine: Engine, prepared: Prepared, state: PartitionStatus):
    claim(engine, prepared.partition_id, me=ELSEWHERE)
    with engine.begin() as connection:
        connection.execute(partition.update().values(status=state))

    rerun = partitions_to_rerun(engine, prepared.dataset_id)

    assert [row.status for row in rerun] == ([state] if state in {"failed", "lost", "interrupted"} else [])


def test_a_partition_has_each_chunk_once(engine: Engine):
    live(engine, "cats", dropped=0)
    live(engine, "cats", dropped=2)

    with engine.connect() as connection:
        made_by = connection.execute(select(chunk.c.fingerprint, attempt.c.number).join(attempt)).all()
    assert sorted(tuple(row) for row in made_by) == [("chunk-0", 1), ("chunk-1", 1)]
