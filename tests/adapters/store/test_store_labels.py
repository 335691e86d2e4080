"""What people say of pairs is appended; of one pair the newest counts."""

from sqlalchemy import Engine, func, select

from pairsift.adapters.store.labels import (
    Label,
    LabelCounts,
    add_label,
    count_labels,
    drawn_labels,
    history_of,
    labels_of,
    last_drawn,
)
from pairsift.adapters.store.registry import register_dataset
from pairsift.adapters.store.tables import label
from tests.adapters.store.lives import Clock

A, B, C = "a" * 32, "b" * 32, "c" * 32


def test_the_newest_label_counts_and_all_of_them_stay(engine: Engine, clock: Clock):
    cats, dogs = register_dataset(engine, "cats"), register_dataset(engine, "dogs")
    first, second = Label(A, True, False, "ada"), Label(A, False, False, "bo")
    add_label(engine, cats, first)
    clock.advance(60)
    add_label(engine, cats, second)
    add_label(engine, dogs, Label(B, True, False, "ada"))

    assert labels_of(engine, cats, [A, B]) == {A: second}
    assert [said for said, _ in history_of(engine, cats, A)] == [second, first]
    assert next(when for _, when in history_of(engine, cats, A)) == clock.time
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(label)) == 3
    assert labels_of(engine, cats, []) == {}


def test_a_hand_picked_pair_is_not_drawn_and_a_drawn_one_can_be_corrected(engine: Engine):
    cats = register_dataset(engine, "cats")
    assert last_drawn(engine, cats) is None
    for said in (Label(A, True, True, "ada"), Label(C, True, True, "ada"), Label(B, False, False, "bo")):
        add_label(engine, cats, said)
    add_label(engine, cats, Label(A, False, False, "ada"))

    assert drawn_labels(engine, cats) == {A: False, C: True}
    assert last_drawn(engine, cats) == Label(C, True, True, "ada")
    assert count_labels(engine, cats) == LabelCounts(pairs=3, good=1)
