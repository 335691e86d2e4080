"""Target sets: their files, what a user's own embeddings must be, and which one a policy means."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from pairsift.adapters.chunks import embedding_column
from pairsift.adapters.store.named_sets import register_sets
from pairsift.adapters.store.rows import NamedSetRow
from pairsift.adapters.store.tables import target_set as target_table
from pairsift.adapters.targets import find_target, load_target, read_embeddings, target_uri, write_target
from pairsift.core.norm_sim import canonical_target, target_set
from pairsift.core.policy import Policy
from pairsift.errors import ConfigError, SourceError, TargetDamagedError

ROWS = np.array([[3.0, 4.0], [0.0, 2.0]], np.float32)
UNIT = [[0.6, 0.8], [0.0, 1.0]]
NEAR = {"method": "absolute", "signal": "pair.norm_sim", "ge": 0.5}


def policy(name: str = "mine") -> Policy:
    content = {"name": "near", "version": 1, "description": "", "select": NEAR, "target": {"name": name}}
    return Policy.model_validate(content)


def parquet(path: Path, column: pa.Array, name: str = "image_embedding") -> Path:
    pq.write_table(pa.table({name: column}), path)
    return path


def npy(path: Path, rows: npt.NDArray[np.generic]) -> Path:
    np.save(path, rows)
    return path


def test_a_target_set_comes_back_as_it_was_written(tmp_path: Path):
    made = target_set(canonical_target(np.array(UNIT)))

    write_target(tmp_path, made)
    found = load_target(tmp_path, made.fingerprint)

    assert found.fingerprint == made.fingerprint
    np.testing.assert_array_equal(found.image, made.image)


def test_a_target_set_that_is_gone_cut_or_changed_is_told(tmp_path: Path):
    made, other = (target_set(canonical_target(np.array(rows))) for rows in (UNIT, [[1.0, 0.0]]))
    for one in (made, other):
        write_target(tmp_path, one)
    path = tmp_path / target_uri(made.fingerprint)

    with pytest.raises(TargetDamagedError, match="is gone or damaged"):
        load_target(tmp_path, "0" * 64)
    path.write_bytes((tmp_path / target_uri(other.fingerprint)).read_bytes())
    with pytest.raises(TargetDamagedError, match="holds other pictures than the store says"):
        load_target(tmp_path, made.fingerprint)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        TargetDamagedError, match=r"is gone or damaged .*: bring it back from a backup, or make it anew"
    ):
        load_target(tmp_path, made.fingerprint)


def test_embeddings_are_read_from_either_kind_of_file_and_brought_to_unit_length(tmp_path: Path):
    files = [
        npy(tmp_path / "a.npy", ROWS),
        npy(tmp_path / "b.npy", ROWS.astype(np.float16)),
        parquet(tmp_path / "a.parquet", embedding_column(ROWS.astype(np.float16))),  # as an export has it
        parquet(tmp_path / "b.parquet", pa.array(ROWS.tolist(), pa.list_(pa.float64()))),
    ]

    for file in files:
        assert read_embeddings(file) == pytest.approx(np.array(UNIT), abs=1e-6)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.array([[1.0, 0.0], [0.0, 0.0]]), "row 1 is zero or holds no numbers"),
        (np.array([[np.nan, 0.0], [1.0, 0.0]]), "row 0 is zero or holds no numbers"),
        (np.array([1.0, 0.0]), r"of shape \(2,\): one floating row a picture is expected"),
        (np.zeros((0, 2)), r"of shape \(0, 2\)"),
        (np.array([[1, 0]]), "holds int64"),
        (np.array([{"pickled": True}]), "cannot be read as embeddings"),
    ],
)
def test_what_is_no_embedding_is_refused(tmp_path: Path, rows: npt.NDArray[np.generic], said: str):
    with pytest.raises(SourceError, match=said):
        read_embeddings(npy(tmp_path / "a.npy", rows))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (lambda folder: folder / "gone.npy", "No such file"),
        (lambda folder: parquet(folder / "a.parquet", pa.array(ROWS.tolist()), "vector"), "image_embedding"),
        (lambda folder: parquet(folder / "b.parquet", pa.array([[1.0], [1.0, 2.0]])), "not of one length"),
        (lambda folder: parquet(folder / "c.parquet", pa.array([[1.0, 2.0], None])), "not of one length"),
    ],
)
def test_a_file_without_embeddings_is_refused(tmp_path: Path, file, said: str):
    with pytest.raises(SourceError, match=said):
        read_embeddings(file(tmp_path))


def test_a_policy_means_the_newest_target_set_of_its_name_for_pairs_scored_alike(engine: Engine):
    register_sets(
        engine,
        target_table,
        [NamedSetRow("mine", "score-1", "old", 2, "a"), NamedSetRow("mine", "score-2", "other", 2, "a")],
    )
    register_sets(engine, target_table, [NamedSetRow("mine", "score-1", "new", 3, "b")])

    assert find_target(engine, policy(), "score-1") == "new"
    assert find_target(engine, policy(), "score-2") == "other"


def test_a_policy_without_a_target_set_is_refused_with_the_command_that_makes_it(engine: Engine):
    register_sets(engine, target_table, [NamedSetRow("mine", "score-1", "new", 3, "b")])

    with pytest.raises(ConfigError, match=r"'miner', of which there is none .*did you mean 'mine'.*`pairsift target"):
        find_target(engine, policy("miner"), "score-1")
    with pytest.raises(ConfigError, match=r"scored as these are: `pairsift target SOURCE --name mine`"):
        find_target(engine, policy(), "score-3")
