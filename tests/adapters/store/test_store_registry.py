"""Data sets, partitions, policies and decision sets: repeated without harm, never silently changed."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from pairsift.adapters.store.registry import (
    known_members,
    open_decision_set,
    register_dataset,
    register_partitions,
    register_policy,
)
from pairsift.adapters.store.rows import PartitionStatus
from pairsift.core.records import PartitionSpec
from pairsift.errors import ConfigError
from tests.adapters.store.lives import SPEC, claim, prepare

SLICE = PartitionSpec("photos-0", "file:///photos", "imagefolder", "input-1", ("a.jpg", "a.txt"))


def test_partitions_come_back_in_the_order_asked_for(engine: Engine):
    dataset_id = register_dataset(engine, "cats")

    rows = register_partitions(engine, dataset_id, [SPEC, SLICE])

    assert [(row.key, row.status, row.members) for row in rows] == [
        ("shard-0", PartitionStatus.PENDING, ()),
        ("photos-0", PartitionStatus.PENDING, ("a.jpg", "a.txt")),
    ]
    assert register_partitions(engine, dataset_id, []) == []


@pytest.mark.parametrize(("uri", "input_fingerprint"), [("file:///moved", "input-1"), ("file:///photos", "input-2")])
def test_a_slice_that_was_moved_or_changed_keeps_the_members_of_first_sight(
    engine: Engine, uri: str, input_fingerprint: str
):
    dataset_id = register_dataset(engine, "cats")
    (first,) = register_partitions(engine, dataset_id, [SLICE])
    changed = replace(SLICE, uri=uri, input_fingerprint=input_fingerprint, members=("b.jpg",))

    (second,) = register_partitions(engine, dataset_id, [changed])

    assert second == replace(first, uri=uri, input_fingerprint=input_fingerprint)
    assert known_members(engine, dataset_id) == {"photos-0": ("a.jpg", "a.txt")}


def test_another_source_s_partition_of_a_known_key_is_refused_and_nothing_is_noted(engine: Engine):
    dataset_id = register_dataset(engine, "cats")
    (first,) = register_partitions(engine, dataset_id, [SLICE])
    other = replace(SLICE, uri="file:///other", input_fingerprint="input-2")

    with pytest.raises(ConfigError, match=r"file:///other is another one of that name: .* --dataset NAME"):
        register_partitions(engine, dataset_id, [SPEC, other])

    assert register_partitions(engine, dataset_id, [SLICE]) == [first]
    assert list(known_members(engine, dataset_id)) == ["photos-0"]


def test_registering_again_leaves_the_state_alone(engine: Engine):
    prepared = prepare(engine)
    claim(engine, prepared.partition_id)

    (row,) = register_partitions(engine, prepared.dataset_id, [SPEC])

    assert row.status is PartitionStatus.RUNNING


def test_two_data_sets_may_have_partitions_of_one_key(engine: Engine):
    assert prepare(engine, "cats").partition_id != prepare(engine, "dogs").partition_id


def test_a_policy_changed_under_its_old_version_is_refused(engine: Engine):
    known = register_policy(engine, "strict", "1", "a" * 64, "rules: []")

    assert register_policy(engine, "strict", "1", "a" * 64, "rules: []") == known
    with pytest.raises(ConfigError, match=r"strict 1 is known with other content .* new version"):
        register_policy(engine, "strict", "1", "b" * 64, "rules: [x]")
    with pytest.raises(ConfigError, match="strict 2 has the content of a policy known under another name"):
        register_policy(engine, "strict", "2", "a" * 64, "rules: []")


def test_a_policy_with_another_calibration_rule_is_another_decision_set(engine: Engine):
    dataset_id = register_dataset(engine, "cats")
    policy_id = register_policy(engine, "strict", "1", "a" * 64, "rules: []")

    sets = [open_decision_set(engine, dataset_id, policy_id, rule) for rule in ("own-1000", "fixed", "own-1000")]

    assert sets[0] == sets[2] != sets[1]
