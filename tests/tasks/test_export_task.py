import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, func, select, text

from pairsift.adapters.checking import check
from pairsift.adapters.durable import file_facts
from pairsift.adapters.manifests import rebuild_manifest
from pairsift.adapters.scratch import read_decided, write_decided
from pairsift.adapters.store.queries import active_exports, conservation
from pairsift.adapters.store.rows import AttemptKind, Claim
from pairsift.adapters.store.tables import decision, pair, score
from pairsift.config import PartitionJob
from pairsift.errors import ConservationError
from tasks import workplace
from tasks.export import commit_partition, export_again, export_partition
from tasks.threshold import threshold_partition
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import GOOD, pairs_of, write_shard
from tests.tasks.steps import claimed, committed, plan_of, planned, scored


def files_of(out: str) -> Mapping[str, bytes]:
    """Read every file of an output folder, by its path in it."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(Path(out).rglob("*")) if path.is_file()}


def test_the_files_hold_every_pair_and_the_kept_ones(job: PartitionJob, claim: Claim):
    ingested = scored(job, claim)
    decided = threshold_partition.fn(job, ingested)

    exported = {file.name: file for file in export_partition.fn(job, ingested, decided)}

    pairs = pq.read_table(exported["pairs"].uri).to_pylist()
    embeddings = pq.read_table(exported["embeddings"].uri)
    kept = [row["uid"] for row in pairs if row["verdict"] == "keep"]
    assert len(pairs) == exported["pairs"].rows == 9
    assert kept
    assert embeddings["uid"].to_pylist() == kept
    assert exported["embeddings"].rows == exported["uids"].rows == len(np.load(exported["uids"].uri)) == len(kept)
    assert all(file_facts(Path(file.uri)).sha256 == file.sha256 for file in exported.values())


def test_nothing_is_committed_before_the_commit(job: PartitionJob, claim: Claim, store: Engine):
    ingested = scored(job, claim)
    export_partition.fn(job, ingested, threshold_partition.fn(job, ingested))

    assert conservation(store) == []
    assert active_exports(store, job.dataset, job.out) == []


def test_the_commit_enters_every_pair_score_decision_and_file_once(job: PartitionJob, claim: Claim, store: Engine):
    outcome = committed(job, claim)

    (account,) = conservation(store)
    assert outcome.status == "committed"
    assert account.holds
    assert account.said.read == 9
    assert [file.name for file in active_exports(store, job.dataset, job.out)] == ["embeddings", "pairs", "uids"]


def test_a_commit_called_again_after_a_lost_reply_changes_nothing(job: PartitionJob, claim: Claim, store: Engine):
    ingested = scored(job, claim)
    decided = threshold_partition.fn(job, ingested)
    exported = export_partition.fn(job, ingested, decided)
    commit_partition.fn(job, claim, ingested, decided, exported)

    commit_partition.fn(job, claim, ingested, decided, exported)

    with store.connect() as connection:
        counts = [connection.scalar(select(func.count()).select_from(table)) for table in (pair, score, decision)]
    assert counts == [9, 9, 9]


def test_a_lost_decision_stops_the_commit(job: PartitionJob, claim: Claim, store: Engine):
    ingested = scored(job, claim)
    decided = threshold_partition.fn(job, ingested)
    exported = export_partition.fn(job, ingested, decided)
    made = read_decided(Path(decided.decided))
    write_decided(Path(decided.decided), replace(made, decisions=made.decisions.take(slice(0, -1))))

    with pytest.raises(ConservationError):
        commit_partition.fn(job, claim, ingested, decided, exported)

    with store.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(pair)) == 0


def test_an_export_made_again_needs_no_source_and_has_the_same_bytes(
    job: PartitionJob, claim: Claim, shard: Path, monkeypatch: pytest.MonkeyPatch
):
    committed(job, claim)
    before = files_of(job.out)
    shutil.rmtree(job.out)
    (again,) = plan_of(shard, "run-2", policy=job.config.policy).jobs
    held = claimed(again)
    shard.unlink()
    monkeypatch.setattr("tasks.score.load_encoder", None)

    outcome = export_again.fn(again, held)

    assert held.kind is AttemptKind.EXPORT
    assert outcome.status == "committed"
    assert files_of(job.out) == before


def test_a_picture_that_is_gone_from_an_exported_folder_is_found(tmp_path: Path, shard: Path, store: Engine):
    job = planned(shard, policy=str(fixed_cut(tmp_path)), export={"formats": ["kohya"]})
    committed(job, claimed(job))
    rebuild_manifest(store, job.dataset, job.out)
    assert check(store, workplace.storage(), repair=False).problems == []

    next(Path(job.out).rglob("kohya/1_pairs/*.txt")).unlink()

    [found] = check(store, workplace.storage(), repair=False).problems
    assert found.problem.startswith("1 files of the folder are gone or have changed, the first ")


def test_pairs_of_the_same_content_under_other_keys_are_exported_to_another_folder(tmp_path: Path):
    ours = planned(write_shard(tmp_path / "source" / "a.tar", pairs_of(GOOD)))
    committed(ours, claimed(ours))
    before = set(files_of(ours.out))
    renamed = {f"other-{key}": members for key, members in pairs_of(GOOD).items()}
    theirs = planned(write_shard(tmp_path / "source" / "a.tar", renamed), "run-2")

    committed(theirs, claimed(theirs))

    assert len(before) == 3
    assert len(set(files_of(ours.out)) - before) == 3


def test_the_manifest_counts_what_the_lineage_counts(job: PartitionJob, claim: Claim, store: Engine):
    committed(job, claim)

    kept = {file.name: file.rows for file in active_exports(store, job.dataset, job.out)}["embeddings"]
    with store.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pair_lineage WHERE kept = 1")) == kept
