from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pairsift.adapters.chunks import ChunkData, write_chunk
from pairsift.adapters.pairlist import write_pairs
from pairsift.adapters.policies import load_policy
from pairsift.adapters.results import (
    PartitionFiles,
    decision_rows,
    measured_pairs,
    pair_rows,
    stored_measured,
    stored_pair,
)
from pairsift.adapters.store.tables import DECISION_COLUMNS, PAIR_COLUMNS
from pairsift.core.calibration import calibrate
from pairsift.core.deciding import ROWS_AT_ONCE, Decision, calibratable, decide, to_decisions
from pairsift.core.records import ColumnValue, IngestedPair, Reason, Verdict
from pairsift.core.signals import SIGNALS
from pairsift.errors import ChunkDamagedError

LAST = Decision(Verdict.DROP, Reason.BLURRY, multiplicity=2, duplicate_group="u", duplicate_of="shard/k")
FIRST, SECOND = "a" * 64, "b" * 64


def chunk(uids: list[str]) -> ChunkData:
    vectors = np.ones((len(uids), 4), np.float16)
    return ChunkData(
        uids=uids,
        captions=["a cat"] * len(uids),
        signals={signal.name: [None] * len(uids) for signal in SIGNALS},
        unmeasurable=[{} for _ in uids],
        image_embedding=vectors,
        text_embedding=vectors,
        fused_embedding=vectors,
    )


def partition(folder: Path, listed: list[str], first: list[str], second: list[str]) -> PartitionFiles:
    pairs = (IngestedPair(n, uid, uid, None, None, None) for n, uid in enumerate(listed))
    write_pairs(folder / "pairs.arrow", pairs)
    write_chunk(folder, FIRST, chunk(first))
    write_chunk(folder, SECOND, chunk(second))
    return PartitionFiles(folder, folder / "pairs.arrow", (FIRST, SECOND))


def rows(uids: list[str]) -> list[dict[str, object]]:
    absent = dict.fromkeys(("source_uid", "source_uri", "byte_offset", "byte_size", "image_sha256", "source_columns"))
    return [{"ordinal": n, "uid": uid, "key": uid, **absent} for n, uid in enumerate(uids)]


def test_chunks_are_joined_with_their_own_pairs(tmp_path: Path):
    files = partition(tmp_path, ["p", "q", "r"], ["p", "q"], ["r"])

    assert measured_pairs(files.measured(), "shard").table.uids == ["p", "q", "r"]


@pytest.mark.parametrize(("first", "second"), [(["p", "x"], ["r"]), (["q", "p"], ["r"]), (["p", "q"], ["r", "s"])])
def test_a_chunk_of_other_pairs_is_never_taken_for_theirs(tmp_path: Path, first: list[str], second: list[str]):
    files = partition(tmp_path, ["p", "q", "r"], first, second)

    with pytest.raises(ChunkDamagedError, match="other pairs"):
        list(files.measured())
    with pytest.raises(ChunkDamagedError, match="other pairs"):
        list(stored_measured(tmp_path, (FIRST, SECOND), rows(["p", "q", "r"])))


@pytest.mark.parametrize("policy", ["default", "baseline"])
def test_a_partition_without_pairs_has_no_decisions(tmp_path: Path, policy: str):
    write_pairs(tmp_path / "pairs.arrow", [])

    pairs = measured_pairs(PartitionFiles(tmp_path, tmp_path / "pairs.arrow", ()).measured(), "shard")
    measurable = calibratable(pairs.table.columns, pairs.embedded)
    calibrated = calibrate(None, pairs.embedded, measurable)

    decisions = decide(pairs.table, load_policy(policy), calibrated)

    assert list(decisions) == []


def test_source_columns_of_pairs_are_columns_of_the_table(tmp_path: Path):
    files = partition(tmp_path, ["p", "q", "r"], ["p", "q"], ["r"])
    columns: list[dict[str, ColumnValue]] = [{"similarity": 0.3}, {}, {"similarity": "high", "n": 1}]
    pairs = (IngestedPair(n, "pqr"[n], "k", None, None, None, None, said) for n, said in enumerate(columns))
    write_pairs(tmp_path / "pairs.arrow", pairs)

    table = measured_pairs(files.measured(), "shard").table

    assert table.columns.signals["source.similarity"].tolist() == [0.3, None, "high"]
    assert table.columns.signals["source.n"].tolist() == [None, None, 1]


def test_source_columns_are_stored_and_read_back():
    pair = IngestedPair(0, "p", "k", None, None, None, None, {"similarity": 0.3})

    [row, other] = pair_rows([([pair, replace(pair, source_columns={})], chunk(["p", "p"]))])

    assert (row[-1], other[-1]) == ({"similarity": 0.3}, None)
    assert stored_pair(dict(zip(PAIR_COLUMNS, row, strict=True))) == pair
    assert stored_pair(dict(zip(PAIR_COLUMNS, other, strict=True))).source_columns == {}


def test_decisions_are_rows_of_the_store_with_none_where_a_pair_has_no_value():
    count = ROWS_AT_ONCE + 1
    made = to_decisions(
        [Decision(Verdict.KEEP, None, 1.5, 0.01, 0.02, 1, neg_clip_loss=-0.1, norm_sim=0.4)] * ROWS_AT_ONCE + [LAST]
    )

    rows = list(decision_rows(made))

    assert [row[0] for row in rows] == list(range(count))
    assert rows[0] == (0, 1.5, 0.01, 0.02, Verdict.KEEP, None, 1, 1, None, None, -0.1, 0.4, None, None)
    last = (count - 1, None, None, None, Verdict.DROP, Reason.BLURRY, None, 2, "u", "shard/k", None, None, None, None)
    assert rows[-1] == last
    assert len(DECISION_COLUMNS) == len(rows[0])
