"""Copies are found in the whole data set, who stood stays, and neither order nor a kill changes what comes of it."""

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, Table, func, select

from pairsift.adapters.decider import Decider, Outcome, Task
from pairsift.adapters.redeciding import Again, Redecided, decide_again
from pairsift.adapters.store.queries import conservation
from pairsift.adapters.store.settlings import last_settling, show_settled
from pairsift.adapters.store.tables import decided_attempt, decision, decision_set
from pairsift.core.policy import Policy
from pairsift.core.records import Reason
from pairsift.errors import Busy
from tests.adapters.store.copied import Pair, commit, full, policy, shown

EXACT, NEAR, SEMANTIC = str(Reason.EXACT_DUPLICATE), str(Reason.NEAR_DUPLICATE), str(Reason.SEMANTIC_DUPLICATE)
STANDS = ("keep", None, None, None)
Days = Mapping[str, Sequence[Pair]]


def keeper(group: str) -> tuple[str, None, str, None]:
    return ("keep", None, group, None)


def copy(reason: str, group: str, of: str) -> tuple[str, str, str, str]:
    return ("drop", reason, group, of)


def settle(
    engine: Engine, storage: Path, *keys: str, chosen: Policy | None = None, dataset: str = "mine", anew: bool = False
) -> Redecided:
    return decide_again(engine, storage, Again(dataset, chosen or policy(), keys, anew=anew))


def nearly(hamming: int) -> Policy:
    return policy(duplicates={"near": {"hamming": hamming}})


def day(engine: Engine, storage: Path, partitions: Days, chosen: Policy | None = None, dataset: str = "mine") -> None:
    """Commit partitions and settle them."""
    for key, pairs in partitions.items():
        commit(engine, storage, key, pairs, chosen or policy(), dataset=dataset)
    settle(engine, storage, *partitions, chosen=chosen, dataset=dataset)


def rows(engine: Engine, *tables: Table) -> list[int]:
    with engine.connect() as connection:
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]


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


def test_a_settled_data_set_settled_again_changes_no_row(engine: Engine, tmp_path: Path):
    day(engine, tmp_path, {"a": [Pair("1")], "b": [Pair("1")], "c": [Pair("2")]})
    before = (rows(engine, decision, decided_attempt, decision_set), last_settling(engine, 1), shown(engine))

    again = settle(engine, tmp_path)

    assert (again.decided, again.known) == (0, 3)
    assert (rows(engine, decision, decided_attempt, decision_set), last_settling(engine, 1), shown(engine)) == before
    settle(engine, tmp_path, anew=True)
    assert rows(engine, decision, decided_attempt, decision_set) == before[0]


def test_only_partitions_with_copies_in_others_are_written_anew(engine: Engine, tmp_path: Path):
    for key, uid in (("a", "1"), ("b", "1"), ("c", "2"), ("d", "3")):
        commit(engine, tmp_path, key, [Pair(uid)], policy())

    settled = settle(engine, tmp_path)

    assert (settled.decided, settled.known) == (2, 2)
    assert rows(engine, decision, decision_set) == [6, 2]


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


def test_a_common_pool_is_of_what_the_copies_left_and_stays_the_same_set(engine: Engine, tmp_path: Path):
    half = {"method": "top_fraction", "signal": "pair.alignment", "fraction": 0.5, "pool": "run"}
    partitions = {
        "a": [Pair("1", alignment=0.9), Pair("5", alignment=0.1), Pair("5", alignment=0.1)],
        "b": [Pair("1", alignment=0.9), Pair("2", alignment=0.8), Pair("3", alignment=0.2)],
    }
    chosen = policy(select=half)

    day(engine, tmp_path, partitions, chosen)
    before = rows(engine, decision, decision_set)
    again = settle(engine, tmp_path, chosen=chosen)

    assert [told[1] for told in shown(engine).values()] == [None, "below_cut", EXACT, EXACT, None, "below_cut"]
    assert ((again.decided, again.known), rows(engine, decision, decision_set)) == ((0, 2), before)


def test_a_kill_half_way_shows_the_old_and_a_repeat_gives_the_same(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    near = nearly(2)
    partitions = {"b": [Pair("4", phash=0), Pair("3", phash=1)], "c": [Pair("2", phash=3), Pair("4", phash=0)]}
    for dataset in ("mine", "undisturbed"):
        day(engine, tmp_path, {"d": [Pair("5", phash=1)]}, near, dataset)
        for key, pairs in partitions.items():
            commit(engine, tmp_path, key, pairs, near, dataset=dataset)
    before = shown(engine)
    with monkeypatch.context() as patch:
        patch.setattr(Decider, "decide", dying_after(1))
        with pytest.raises(KeyboardInterrupt):
            settle(engine, tmp_path, "b", "c", chosen=near)
    after_the_kill = shown(engine)

    repeated = settle(engine, tmp_path, "b", "c", chosen=near)
    settle(engine, tmp_path, "b", "c", chosen=near, dataset="undisturbed")

    assert after_the_kill == before
    assert (repeated.decided, repeated.known) == (1, 1)
    assert shown(engine) == shown(engine, "undisturbed")
    assert all(account.holds for account in conservation(engine))


def dying_after(partitions: int) -> Callable[[Decider, Task], Outcome]:
    decide = Decider.decide
    done: list[Task] = []

    def die(decider: Decider, task: Task) -> Outcome:
        if len(done) == partitions:
            raise KeyboardInterrupt
        done.append(task)
        return decide(decider, task)

    return die


def test_a_settling_that_ended_meanwhile_is_gone_by(engine: Engine, tmp_path: Path):
    commit(engine, tmp_path, "a", [Pair("1")], policy())
    commit(engine, tmp_path, "b", [Pair("1")], policy())
    pending = ["b"]

    def settle_the_other() -> None:
        if pending:
            settle(engine, tmp_path, pending.pop())

    decide_again(engine, tmp_path, Again("mine", policy(), ("a",)), settle_the_other)

    # Beside b, which was settled first, and not both beside each other.
    assert sorted(told[0] for told in shown(engine).values()) == ["drop", "keep"]


def test_a_settling_that_never_has_the_data_set_for_itself_gives_up(engine: Engine, tmp_path: Path):
    for key in "abcdef":
        commit(engine, tmp_path, key, [Pair("1")], policy())
    pending = list("fedcb")

    def settle_another() -> None:
        settle(engine, tmp_path, pending.pop())

    with pytest.raises(Busy, match="other runs keep settling mine"):
        decide_again(engine, tmp_path, Again("mine", policy(), ("a",)), settle_another)


def test_what_was_settled_beside_an_older_one_is_not_shown(engine: Engine, tmp_path: Path):
    day(engine, tmp_path, {"a": [Pair("1")]})

    assert not show_settled(engine, 1, {1: 1}, after=0)
    assert show_settled(engine, 1, {1: 1}, after=1)
    assert last_settling(engine, 1) == 2


@pytest.mark.parametrize("seed", range(4))
def test_whatever_day_partitions_come_anew_they_are_decided_as_at_once(engine: Engine, tmp_path: Path, seed: int):
    chance = random.Random(seed)
    near = nearly(1)
    partitions = {key: drawn(chance) for key in "abcde"}
    day(engine, tmp_path, partitions, near, "at once")
    order = chance.sample(sorted(partitions), len(partitions))
    cut = chance.randrange(1, len(order))
    for keys in (order[:cut], order[cut:]):
        day(engine, tmp_path, {key: partitions[key] for key in keys}, near)

    by_days = shown(engine)
    settle(engine, tmp_path, chosen=near, anew=True)

    assert shown(engine) == shown(engine, "at once")
    assert stand_alone(by_days, partitions)
    assert stand_alone(shown(engine), partitions)


def drawn(chance: random.Random) -> list[Pair]:
    """Draw pairs of which many are copies: a uid has one picture."""
    uids = [chance.choice("123456789") for _ in range(chance.randrange(6))]
    return [Pair(uid, phash=(0b00, 0b01, 0b11)[ord(uid) % 3], sharpness=chance.choice([1.0, 100.0])) for uid in uids]


def stand_alone(found: Mapping[str, tuple[object, ...]], partitions: Days) -> bool:
    """Say whether no two that stand are copies of each other, and what fell has its keeper among them."""
    pairs = {f"{key}/{place}": pair for key, of in partitions.items() for place, pair in enumerate(of)}
    stands = [name for name, told in found.items() if told[0] == "keep"]
    hashes = [pairs[name].phash or 0 for name in stands]
    apart = all((one ^ other).bit_count() > 1 for n, one in enumerate(hashes) for other in hashes[:n])
    return apart and all(told[3] in stands for told in found.values() if told[3] is not None)


def test_uids_as_long_as_they_are_keep_their_order(engine: Engine, tmp_path: Path):
    assert len(full("1")) == 32
    day(engine, tmp_path, {"a": [Pair("ff")], "b": [Pair("fe"), Pair("ff")]})

    assert shown(engine)["b/1"] == copy(EXACT, "ff", "a/0")
