"""Neither order, nor a kill, nor a repetition, nor another run at the same time changes what settling comes to."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pairsift.adapters.decider import Decider, Outcome, Task
from pairsift.adapters.redeciding import Again, decide_again
from pairsift.adapters.store.queries import conservation
from pairsift.adapters.store.settlings import last_settling, show_settled
from pairsift.adapters.store.tables import decided_attempt, decision, decision_set
from pairsift.errors import Busy
from tests.adapters.store.copied import (
    EXACT,
    Days,
    Pair,
    commit,
    day,
    nearly,
    policy,
    rows,
    settle,
    shown,
)


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
