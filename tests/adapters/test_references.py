"""`check` reads the files that decisions and scores refer to: each that is gone or changed is told."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from pairsift.adapters.calibrations import calibration_uri, write_reference
from pairsift.adapters.checking import check
from pairsift.adapters.evaluation_sets import evaluation_uri, write_evaluation_set
from pairsift.adapters.keeping import keep_trained
from pairsift.adapters.store.engine import now
from pairsift.adapters.store.named_sets import register_sets
from pairsift.adapters.store.rows import NamedSetRow
from pairsift.adapters.store.tables import calibration, evaluation_set, target_set
from pairsift.adapters.store.trained import Kind, TrainedRow
from pairsift.adapters.targets import target_uri, write_target
from pairsift.core.calibration import EmbeddedPairs
from pairsift.core.evaluation_sets import Member
from pairsift.core.norm_sim import target_set as target_of_rows
from pairsift.core.signals import NUMBERS

PAIRS = EmbeddedPairs(["u"], ["a"], ["p"], np.eye(1, 4), np.eye(1, 4), {name: np.zeros(1) for name in NUMBERS})


@pytest.fixture
def files(engine: Engine, tmp_path: Path) -> list[Path]:
    """Make one of each kind, and a calibration of an older version, which has no file."""
    target = target_of_rows(np.eye(2, dtype=np.float16))
    write_target(tmp_path, target)
    held = write_evaluation_set(tmp_path, [Member("a", "1" * 64, None, None, {})])
    register_sets(engine, target_set, [NamedSetRow("mine", "score", target.fingerprint, 2, "source")])
    register_sets(engine, evaluation_set, [NamedSetRow("mine", "score", held.fingerprint, 1, "source")])
    reference = write_reference(tmp_path / calibration_uri("c-1"), PAIRS)
    with engine.begin() as connection:
        same = {"score_fingerprint": "score", "summary": {}, "created_at": now(connection)}
        for fingerprint, sha256 in (("c-1", reference.sha256), ("old", None)):
            connection.execute(calibration.insert().values(fingerprint=fingerprint, sha256=sha256, **same))
    kinds: tuple[Kind, ...] = ("adapter", "fusion")
    for kind in kinds:
        made = TrainedRow("mine", "space", "conse", {}, {}, {}, f"models/{kind}/mine.safetensors")
        keep_trained(engine, tmp_path, kind, made, lambda path: path.write_bytes(b"weights"))
    uris = [target_uri(target.fingerprint), evaluation_uri(held.fingerprint), calibration_uri("c-1")]
    return [tmp_path / uri for uri in (*uris, "models/adapter/mine.safetensors", "models/fusion/mine.safetensors")]


@pytest.mark.usefixtures("files")
def test_whole_files_are_counted(engine: Engine, tmp_path: Path):
    result = check(engine, tmp_path, repair=False)

    assert (result.checked["reference files"], result.problems) == (5, [])


@pytest.mark.parametrize("number", range(5))
def test_a_file_that_has_changed_or_is_gone_is_told(number: int, engine: Engine, tmp_path: Path, files: list[Path]):
    files[number].write_bytes(files[number].read_bytes()[:-1] + b"?")
    (changed,) = check(engine, tmp_path, repair=False).problems
    files[number].unlink()
    (gone,) = check(engine, tmp_path, repair=False).problems

    assert any(word in changed.problem for word in ("changed", "damaged", "other"))
    assert "gone" in gone.problem
    assert all(files[number].stem in f"{each.problem} {each.where}" for each in (changed, gone))
    assert "bring it back from a backup, or make it anew" in gone.problem
