"""Evaluation sets: their files, and which ones a policy means."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from pairsift.adapters.evaluation_sets import (
    evaluation_uri,
    find_evaluation_sets,
    load_evaluation_set,
    write_evaluation_set,
)
from pairsift.adapters.store.named_sets import register_sets
from pairsift.adapters.store.rows import NamedSetRow
from pairsift.adapters.store.tables import evaluation_set as evaluation_table
from pairsift.core.evaluation_sets import Member, caption_digest
from pairsift.core.policy import Policy
from pairsift.core.records import Cleaner
from pairsift.errors import ConfigError, EvaluationSetDamagedError

CAPTIONS = {Cleaner.DEFAULT: [caption_digest("a harbour")], Cleaner.BASELINE: []}
MEMBERS = [
    Member("harbour", "1" * 64, "00000000000000ff", np.array([0.6, 0.8], np.float16), CAPTIONS),
    Member("broken", "2" * 64, None, None, CAPTIONS),
    Member("words", None, None, None, CAPTIONS),
]


def against(*names: str) -> Policy:
    select = {"method": "absolute", "signal": "pair.alignment", "ge": 0.5}
    content = {"name": "mine", "version": 1, "description": "", "select": select, "decontaminate": {"against": names}}
    return Policy.model_validate(content)


def test_a_set_is_read_as_it_was_written(tmp_path: Path):
    made = write_evaluation_set(tmp_path, MEMBERS)

    found = load_evaluation_set(tmp_path, made.fingerprint)

    assert found.fingerprint == made.fingerprint
    assert found.keys == ["words", "harbour", "broken"]
    assert found.hashed.tolist() == [False, True, False]
    assert found.image[1].tolist() == made.image[1].tolist()
    assert np.isnan(found.image[[0, 2]]).all()
    assert [len(found.captions[cleaner][0]) for cleaner in Cleaner] == [3, 0]


def test_a_file_that_is_not_as_it_was_is_refused(tmp_path: Path):
    made, other = write_evaluation_set(tmp_path, MEMBERS), write_evaluation_set(tmp_path, MEMBERS[:1])
    path = tmp_path / evaluation_uri(made.fingerprint)

    path.write_bytes((tmp_path / evaluation_uri(other.fingerprint)).read_bytes())
    with pytest.raises(EvaluationSetDamagedError, match="holds other members than the store says"):
        load_evaluation_set(tmp_path, made.fingerprint)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(EvaluationSetDamagedError, match="is gone or damaged"):
        load_evaluation_set(tmp_path, made.fingerprint)
    path.unlink()
    with pytest.raises(EvaluationSetDamagedError, match="make it anew by `pairsift evaluation-set`"):
        load_evaluation_set(tmp_path, made.fingerprint)


def test_a_policy_means_the_newest_sets_of_its_names_in_its_order(engine: Engine):
    rows = [NamedSetRow(name, "score-1", f"{name}-old", 2, "source") for name in ("coco", "flickr")]
    register_sets(engine, evaluation_table, rows)
    register_sets(engine, evaluation_table, [NamedSetRow("coco", "score-1", "coco-new", 3, "source")])

    found = find_evaluation_sets(engine, against("flickr", "coco"), "score-1")

    assert found == (("flickr", "flickr-old"), ("coco", "coco-new"))


def test_a_policy_without_its_set_is_refused_with_the_command_that_makes_it(engine: Engine):
    register_sets(engine, evaluation_table, [NamedSetRow("coco", "score-1", "new", 3, "source")])

    with pytest.raises(ConfigError, match=r"evaluation set 'cocos', .*did you mean 'coco'.*`pairsift evaluation-set"):
        find_evaluation_sets(engine, against("coco", "cocos"), "score-1")
    with pytest.raises(ConfigError, match=r"scored as these are: .* SOURCE --name coco`"):
        find_evaluation_sets(engine, against("coco"), "score-2")
