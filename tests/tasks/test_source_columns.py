"""Columns that a source carries beside its pairs: kept, decided by, exported under another name, and told."""

import json
from pathlib import Path

import pytest

from pairsift.adapters.stories import tell
from pairsift.core.records import Reason, Verdict
from tasks import workplace
from tests.tasks.shards import pairs_of, write_shard
from tests.tasks.steps import claimed, committed, planned

POLICY = """
name: by-the-source
version: 1
description: Drops what the source calls unsafe, then what it calls unlike its caption.
rules:
  - {signal: source.punsafe, gt: 0.5, reason: policy_rule, unmeasurable: keep}
select: {method: absolute, signal: source.similarity, ge: 0.3, unmeasurable: quarantine}
"""
SAID: dict[int, dict[str, object]] = {
    1: {"similarity": 0.31, "punsafe": 0.1, "NSFW": "UNLIKELY", "other": 1},
    2: {"similarity": 0.31, "punsafe": 0.9},
    3: {"similarity": 0.29},
    4: {"similarity": "0.31"},
}


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return str(path)


def write(path: Path, said: dict[int, dict[str, object]]) -> Path:
    members = {key: {**files, "json": json.dumps(said[int(key)]).encode()} for key, files in pairs_of(said).items()}
    return write_shard(path, members)


def test_pairs_are_decided_by_what_their_source_says_of_them(tmp_path: Path, policy: str):
    shard = write(tmp_path / "source" / "a.tar", SAID)
    job = planned(shard, policy=policy, ingest={"source_columns": ["NSFW"]})

    committed(job, claimed(job))

    stories = [tell(workplace.store(), f"{key:09d}")[0] for key in SAID]
    assert [(story["decision"]["verdict"], story["decision"]["reason"]) for story in stories] == [
        (Verdict.KEEP, None),
        (Verdict.DROP, Reason.POLICY_RULE),
        (Verdict.DROP, Reason.BELOW_CUT),
        (Verdict.QUARANTINE, Reason.SOURCE_COLUMN_MISSING),
    ]
    carried = [{name: value for name, value in story["origin"].items() if "source." in name} for story in stories]
    assert carried == [
        {"source.NSFW": "UNLIKELY", "source.punsafe": 0.1, "source.similarity": 0.31},
        {"source.punsafe": 0.9, "source.similarity": 0.31},
        {"source.similarity": 0.29},
        {"source.similarity": "0.31"},
    ]
    assert stories[1]["decision"]["rule"] == (
        "rule 1: source.punsafe = 0.9; source.punsafe > 0.5 [as in the source] → drop (policy_rule)"
    )
    assert stories[2]["decision"]["rule"] == (
        "passed all 1 rules; select absolute: source.similarity ≥ 0.3 [as in the source] → drop"
    )


def test_columns_that_changed_are_exported_to_another_folder(tmp_path: Path, policy: str):
    shard = write(tmp_path / "source" / "a.tar", {1: {"similarity": 0.31}, 3: {"similarity": 0.31}})
    job = planned(shard, policy=policy)
    committed(job, claimed(job))
    write(shard, {1: {"similarity": 0.31}, 3: {"similarity": 0.29, "more": "bytes"}})

    again = planned(shard, "run-2", policy=policy)
    committed(again, claimed(again))

    exported = list(Path(job.out).glob("*/*/*/pairs.parquet"))
    assert len({path.parent.name for path in exported}) == 2
