import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from pairsift.adapters.checking import check
from pairsift.adapters.chunks import ChunkData, ChunkFile, write_chunk
from pairsift.adapters.store.protocol import record_chunk
from pairsift.adapters.store.queries import status
from pairsift.adapters.store.rows import ChunkRow, Claim
from tasks import workplace
from tests.flows.running import EncoderCalls, files_of, lineage, run, verdicts
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import damage_after

TOLERATE_NOTHING = {"ingest": {"lost_pairs": 0, "lost_share": 0.0}}


def states() -> dict[object, object]:
    return {row["partition"]: row["status"] for row in status(workplace.store())}


class FailsOnce:
    """Stands for one function of a task: raises at the first call, and does as the function from then on."""

    def __init__(self, function: Callable[..., Any], error: Exception) -> None:
        self._function = function
        self._errors = [error]

    def __call__(self, *args: Any) -> Any:
        if self._errors:
            raise self._errors.pop()
        return self._function(*args)


def test_a_task_that_meets_a_locked_database_once_is_retried_and_the_run_completes(
    source: Path, policy: Path, storage: Path, monkeypatch: pytest.MonkeyPatch
):
    locked = OperationalError("UPDATE partition", {}, Exception("database is locked"))
    monkeypatch.setattr("tasks.score.record_chunk", FailsOnce(record_chunk, locked))

    summary = run(source, policy, partitions=("a",))

    assert summary["partitions"] == {"committed": 1, "skipped": 0, "failed": 0}
    assert [row["attempt"] for row in status(workplace.store(), "source") if row["partition"] == "a"] == [1]
    assert check(workplace.store(), storage, repair=False).problems == []


def test_a_bug_is_not_retried(source: Path, policy: Path, encoder_calls: EncoderCalls, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tasks.score.record_chunk", FailsOnce(record_chunk, ValueError("a bug")))

    summary = run(source, policy, partitions=("b",))

    assert "ValueError: a bug" in summary["failed"][0]["error"]
    assert len(encoder_calls.pairs) <= 2


def test_a_failed_partition_does_not_stop_the_others_and_is_named(source: Path, policy: Path):
    damage_after(source / "b.tar", 2)

    summary = run(source, policy, config=TOLERATE_NOTHING)

    assert summary["partitions"] == {"committed": 2, "skipped": 0, "failed": 1}
    assert [failure["partition"] for failure in summary["failed"]] == ["b"]
    assert "ContainerDamagedError" in summary["failed"][0]["error"]
    assert states() == {"a": "committed", "b": "failed", "c": "committed"}


def test_rerun_failed_does_just_what_failed_once_it_is_repaired(
    source: Path, policy: Path, storage: Path, encoder_calls: EncoderCalls
):
    whole = damage_after(source / "b.tar", 2)
    run(source, policy, config=TOLERATE_NOTHING)
    encoder_calls.pairs.clear()
    (source / "b.tar").write_bytes(whole)

    summary = run(source, policy, config=TOLERATE_NOTHING, rerun_failed=True)

    assert summary["partitions"] == {"committed": 1, "skipped": 0, "failed": 0}
    assert sum(encoder_calls.pairs) == 6
    assert verdicts(workplace.store()).total() == 20
    assert check(workplace.store(), storage, repair=False).problems == []


def test_a_rerun_scores_only_the_chunks_that_the_failed_attempt_had_not_finished(
    source: Path, policy: Path, encoder_calls: EncoderCalls, monkeypatch: pytest.MonkeyPatch
):
    def fail_on_last(storage: Path, fingerprint: str, data: ChunkData) -> ChunkFile:
        if len(data.uids) == 1:
            raise ValueError("the last chunk's disk is broken")
        return write_chunk(storage, fingerprint, data)

    monkeypatch.setattr("tasks.score.write_chunk", fail_on_last)
    run(source, policy, partitions=("a",))
    monkeypatch.setattr("tasks.score.write_chunk", write_chunk)
    encoder_calls.pairs.clear()

    summary = run(source, policy, rerun_failed=True)

    assert summary["partitions"]["committed"] == 1
    assert encoder_calls.pairs == [1]


def test_a_chunk_whose_file_is_there_is_not_scored_again_though_the_ledger_lacks_it(
    source: Path, policy: Path, encoder_calls: EncoderCalls, monkeypatch: pytest.MonkeyPatch
):
    def fail_on_last(engine: Engine, claim: Claim, row: ChunkRow) -> None:
        if row.rows == 1:
            raise ValueError("the database went away")
        record_chunk(engine, claim, row)

    monkeypatch.setattr("tasks.score.record_chunk", fail_on_last)
    run(source, policy, partitions=("a",))
    monkeypatch.setattr("tasks.score.record_chunk", record_chunk)
    encoder_calls.pairs.clear()

    summary = run(source, policy, rerun_failed=True)

    assert summary["partitions"]["committed"] == 1
    assert encoder_calls.pairs == []


def test_rerun_failed_with_nothing_failed_does_nothing(source: Path, policy: Path, encoder_calls: EncoderCalls):
    run(source, policy)
    encoder_calls.pairs.clear()

    summary = run(source, policy, rerun_failed=True)

    assert summary["partitions"] == {"committed": 0, "skipped": 0, "failed": 0}
    assert encoder_calls.pairs == []


def test_another_policy_decides_again_without_the_encoder(
    source: Path, tmp_path: Path, storage: Path, encoder_calls: EncoderCalls
):
    run(source, fixed_cut(tmp_path))
    before = verdicts(workplace.store())
    encoder_calls.pairs.clear()

    summary = run(source, fixed_cut(tmp_path, cut=2.0, version=2))

    assert summary["partitions"]["committed"] == 3
    assert summary["pairs"]["kept"] == 0 < before["keep", None]
    assert encoder_calls.pairs == []
    assert verdicts(workplace.store()).total() == 20
    assert check(workplace.store(), storage, repair=False).problems == []


def test_going_back_to_the_first_policy_gives_its_first_rows_and_bytes(source: Path, tmp_path: Path, storage: Path):
    first = fixed_cut(tmp_path)
    run(source, first)
    rows, manifest = lineage(workplace.store()), (storage / "exports" / "source" / "manifest.json").read_bytes()
    run(source, fixed_cut(tmp_path, cut=2.0, version=2))

    run(source, first)

    assert lineage(workplace.store()) == rows
    assert (storage / "exports" / "source" / "manifest.json").read_bytes() == manifest


def test_a_missing_export_file_is_made_again_without_the_source_or_the_encoder(
    source: Path, policy: Path, storage: Path, encoder_calls: EncoderCalls
):
    run(source, policy)
    before = files_of(storage / "exports")
    encoder_calls.pairs.clear()
    next((storage / "exports" / "source" / "b").rglob("pairs.parquet")).unlink()

    summary = run(source, policy)

    assert summary["partitions"] == {"committed": 1, "skipped": 2, "failed": 0}
    assert files_of(storage / "exports") == before
    assert encoder_calls.pairs == []


def test_another_out_gets_its_own_files_and_manifest(
    source: Path, policy: Path, storage: Path, tmp_path: Path, encoder_calls: EncoderCalls
):
    run(source, policy)
    encoder_calls.pairs.clear()
    manifest = (storage / "exports" / "source" / "manifest.json").read_bytes()

    summary = run(source, policy, out=str(tmp_path / "other"))

    ours, theirs = files_of(storage / "exports"), files_of(tmp_path / "other")
    assert summary["partitions"]["committed"] == 3
    assert theirs == ours
    assert (storage / "exports" / "source" / "manifest.json").read_bytes() == manifest
    assert encoder_calls.pairs == []
    assert check(workplace.store(), storage, repair=False).problems == []


def test_a_shard_that_changed_is_curated_again_and_replaces_its_pairs(source: Path, policy: Path, storage: Path):
    run(source, policy)
    (source / "b.tar").write_bytes((source / "c.tar").read_bytes())

    summary = run(source, policy)

    assert summary["partitions"] == {"committed": 1, "skipped": 2, "failed": 0}
    assert summary["pairs"]["read"] == 19
    assert verdicts(workplace.store()).total() == 19
    assert check(workplace.store(), storage, repair=False).problems == []


def test_a_lost_chunk_of_a_committed_partition_is_made_anew_by_the_next_run(source: Path, policy: Path, storage: Path):
    run(source, policy, partitions=("b",))
    shutil.rmtree(storage / "chunks")

    run(source, policy, partitions=("b",))

    assert check(workplace.store(), storage, repair=False).problems == []


def test_an_export_and_its_chunks_that_are_both_gone_are_made_anew(source: Path, policy: Path, storage: Path):
    run(source, policy, partitions=("b",))
    before = files_of(storage / "exports")
    shutil.rmtree(storage / "chunks")
    shutil.rmtree(storage / "exports")

    first = run(source, policy, partitions=("b",))
    second = run(source, policy, partitions=("b",))

    assert (first["failed"], second["failed"]) == ([], [])
    assert files_of(storage / "exports") == before


def test_what_a_run_left_that_was_killed_right_after_a_commit_is_removed_by_the_next(
    source: Path, policy: Path, storage: Path
):
    run(source, policy, partitions=("a",))
    left = workplace.scratch() / "1" / "1" / "decided.json"
    left.parent.mkdir(parents=True)
    left.write_text("{}")

    run(source, policy, partitions=("a",))

    assert files_of(storage / "scratch") == {}
