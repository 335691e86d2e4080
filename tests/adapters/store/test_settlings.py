"""Copies are found in the whole data set, and who stood stays."""

from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from pairsift.adapters.store.named_sets import register_sets
from pairsift.adapters.store.queries import conservation
from pairsift.adapters.store.rows import NamedSetRow
from pairsift.adapters.store.tables import decision
from pairsift.adapters.store.tables import target_set as target_table
from pairsift.adapters.targets import write_target
from pairsift.core.norm_sim import canonical_target, target_set
from tests.adapters.store.copied import (
    EXACT,
    NEAR,
    SEMANTIC,
    STANDS,
    Pair,
    commit,
    copy,
    day,
    full,
    keeper,
    nearly,
    policy,
    rows,
    settle,
    shown,
)
from tests.adapters.store.lives import REQUEST

FAR = {"signal": "pair.norm_sim", "lt": 0.5, "reason": "policy_rule"}


def test_a_copy_in_another_partition_falls_and_names_its_keeper(engine: Engine, tmp_path: Path):
    day(engine, tmp_path, {"a": [Pair("2"), Pair("1")], "b": [Pair("2"), Pair("3")], "c": [Pair("4"), Pair("4")]})

    assert shown(engine) == {
        "a/0": keeper("2"),
        "a/1": STANDS,
        "b/0": copy(EXACT, "2", "a/0"),
        "b/1": STANDS,
        "c/0": keeper("4"),
        "c/1": copy(EXACT, "4", "c/0"),
    }
    assert all(account.holds for account in conservation(engine))


def test_within_the_partition_copies_in_others_do_not_count(engine: Engine, tmp_path: Path):
    alone = policy(duplicates={"scope": "partition"})

    day(engine, tmp_path, {"a": [Pair("1"), Pair("1")], "b": [Pair("1")]}, alone)

    assert shown(engine) == {"a/0": keeper("1"), "a/1": copy(EXACT, "1", "a/0"), "b/0": STANDS}


def test_what_failed_a_rule_stands_for_nobody(engine: Engine, tmp_path: Path):
    day(engine, tmp_path, {"a": [Pair("1", sharpness=1)], "b": [Pair("1")]})

    assert shown(engine) == {"a/0": ("drop", "blurry", None, None), "b/0": STANDS}


def test_what_an_earlier_day_let_stand_stays_the_keeper(engine: Engine, tmp_path: Path):
    near = nearly(2)
    day(engine, tmp_path, {"b": [Pair("2", phash=0b11)], "c": [Pair("3", phash=0b1111)]}, near)
    before = rows(engine, decision)

    day(engine, tmp_path, {"a": [Pair("1", phash=0b111)]}, near)

    # a/0 has the smallest uid, and is like both: c/0 fell before, and b/0 stood.
    assert shown(engine) == {
        "a/0": copy(NEAR, "2", "b/0"),
        "b/0": keeper("2"),
        "c/0": copy(NEAR, "2", "b/0"),
    }
    assert rows(engine, decision) == [before[0] + 2]


def test_anew_nothing_is_settled_and_it_stays_so(engine: Engine, tmp_path: Path):
    day(engine, tmp_path, {"b": [Pair("1")]})
    day(engine, tmp_path, {"a": [Pair("1")]})
    by_days = shown(engine)

    settle(engine, tmp_path, anew=True)

    assert by_days == {"a/0": copy(EXACT, "1", "b/0"), "b/0": STANDS}
    assert shown(engine) == {"a/0": keeper("1"), "b/0": copy(EXACT, "1", "a/0")}
    settle(engine, tmp_path)
    assert shown(engine) == {"a/0": keeper("1"), "b/0": copy(EXACT, "1", "a/0")}


def test_another_policy_and_back_shows_the_same_to_the_letter(engine: Engine, tmp_path: Path):
    day(engine, tmp_path, {"b": [Pair("1")], "c": [Pair("1")]})
    day(engine, tmp_path, {"a": [Pair("1")]})
    before = shown(engine)
    settle(engine, tmp_path, chosen=policy(name="other", duplicates="keep"))
    other = shown(engine)

    settle(engine, tmp_path)

    assert set(other.values()) == {STANDS}
    assert shown(engine) == before


def test_a_policy_that_only_selects_otherwise_leaves_keepers(engine: Engine, tmp_path: Path):
    day(engine, tmp_path, {"b": [Pair("1", alignment=0.9)]})
    day(engine, tmp_path, {"a": [Pair("1", alignment=0.9)], "c": [Pair("2", alignment=0.1)]})
    strict = policy(version=2, select={"method": "absolute", "signal": "pair.alignment", "ge": 0.5})

    settle(engine, tmp_path, chosen=strict)

    assert shown(engine) == {
        "a/0": copy(EXACT, "1", "b/0"),
        "b/0": STANDS,
        "c/0": ("drop", "below_cut", None, None),
    }


def test_when_rules_compare_with_another_target_set_copies_are_looked_for_anew(engine: Engine, tmp_path: Path):
    near = policy(version=2, rules=[FAR], target={"name": "task"}, duplicates={"near": {"hamming": 2}})
    for key, pair in {"a": Pair("1", phash=0, degrees=0), "b": Pair("2", phash=1, degrees=90)}.items():
        commit(engine, tmp_path, key, [pair], policy())
    aim(engine, tmp_path, degrees=45)  # 45 degrees from both
    settle(engine, tmp_path, chosen=near)
    between = shown(engine)

    aim(engine, tmp_path, degrees=90)
    settle(engine, tmp_path, chosen=near)

    assert between == {"a/0": keeper("1"), "b/0": copy(NEAR, "1", "a/0")}
    assert shown(engine) == {"a/0": ("drop", "policy_rule", None, None), "b/0": STANDS}


def aim(engine: Engine, storage: Path, degrees: float) -> None:
    """Give the name `task` to a target set of one picture, in this direction."""
    made = target_set(canonical_target(np.array([[np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))]])))
    write_target(storage, made)
    row = NamedSetRow("task", REQUEST.score_fingerprint, made.fingerprint, 1, "a folder")
    register_sets(engine, target_table, [row])


def test_a_partition_committed_anew_keeps_its_keepers(engine: Engine, tmp_path: Path):
    day(engine, tmp_path, {"b": [Pair("1"), Pair("2")]})
    day(engine, tmp_path, {"a": [Pair("1")]})

    day(engine, tmp_path, {"b": [Pair("3"), Pair("1"), Pair("1")]})
    by_run = shown(engine)

    assert by_run == {
        "a/0": copy(EXACT, "1", "b/0"),
        "b/0": STANDS,
        "b/1": keeper("1"),
        "b/2": copy(EXACT, "1", "b/1"),
    }


def test_a_pair_stands_again_when_its_keeper_is_gone(engine: Engine, tmp_path: Path):
    near = nearly(1)
    day(engine, tmp_path, {"b": [Pair("1", phash=0)]}, near)
    day(engine, tmp_path, {"a": [Pair("2", phash=1)]}, near)

    day(engine, tmp_path, {"b": [Pair("3", phash=0xFF)]}, near)

    assert shown(engine) == {"a/0": STANDS, "b/0": STANDS}


def test_an_exact_copy_stands_again_when_its_keeper_is_gone(engine: Engine, tmp_path: Path):
    day(engine, tmp_path, {"b": [Pair("1")]})
    day(engine, tmp_path, {"a": [Pair("1"), Pair("2")]})

    day(engine, tmp_path, {"b": [Pair("3")]})

    assert shown(engine) == {"a/0": STANDS, "a/1": STANDS, "b/0": STANDS}


def test_what_an_older_policy_kept_of_other_partitions_stands_too(engine: Engine, tmp_path: Path):
    older = policy(name="older", duplicates={"scope": "partition"}, rules=[])
    day(engine, tmp_path, {"b": [Pair("1"), Pair("2", alignment=-1)], "c": [Pair("1")]}, older)

    day(engine, tmp_path, {"a": [Pair("1"), Pair("2"), Pair("3")]})

    assert shown(engine) == {
        "a/0": copy(EXACT, "1", "b/0"),
        "a/1": copy(EXACT, "2", "b/1"),
        "a/2": STANDS,
        "b/0": STANDS,
        "b/1": ("drop", "below_cut", None, None),
        "c/0": STANDS,
    }


def test_a_placeholder_is_known_by_the_captions_of_all_days(engine: Engine, tmp_path: Path):
    chosen = policy(duplicates={"placeholders": {"captions": 3}})
    day(engine, tmp_path, {"a": [Pair("1", "logo"), Pair("9")], "b": [Pair("2", "logo")]}, chosen)
    before = shown(engine)

    day(engine, tmp_path, {"c": [Pair("3", "logo")]}, chosen)

    assert set(before.values()) == {STANDS}
    placeholder = ("drop", "placeholder", "1", None)
    assert shown(engine) == {"a/0": placeholder, "a/1": STANDS, "b/0": placeholder, "c/0": placeholder}
    assert all(account.holds for account in conservation(engine))
    day(engine, tmp_path, {"d": [Pair("0", "logo")]}, chosen)
    assert shown(engine)["d/0"] == placeholder


def test_semantic_copies_are_found_in_other_partitions(engine: Engine, tmp_path: Path):
    chosen = policy(duplicates={"semantic": {"cosine": 0.99}})
    partitions = {"a": [Pair("2", degrees=0), Pair("3")], "b": [Pair("1", degrees=2), Pair("4", degrees=60)], "c": []}

    day(engine, tmp_path, partitions, chosen)

    assert shown(engine) == {
        "a/0": copy(SEMANTIC, "1", "b/0"),
        "a/1": STANDS,
        "b/0": keeper("1"),
        "b/1": STANDS,
    }
    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_selection_is_of_what_the_copies_left(engine: Engine, tmp_path: Path):
    half = {"method": "top_fraction", "signal": "pair.alignment", "fraction": 0.5}
    partitions = {
        "a": [Pair("1", alignment=0.9), Pair("2", alignment=0.8)],
        "b": [Pair("1", alignment=0.9), Pair("2", alignment=0.8), Pair("3", alignment=0.2), Pair("4", alignment=0.1)],
    }

    day(engine, tmp_path, partitions, policy(select=half))

    # Alone the better half of b would be its first two.
    assert [told[1] for told in shown(engine).values()] == [None, "below_cut", EXACT, EXACT, None, "below_cut"]


def test_uids_as_long_as_they_are_keep_their_order(engine: Engine, tmp_path: Path):
    assert len(full("1")) == 32
    day(engine, tmp_path, {"a": [Pair("ff")], "b": [Pair("fe"), Pair("ff")]})

    assert shown(engine)["b/1"] == copy(EXACT, "ff", "a/0")
