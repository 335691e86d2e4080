"""Single pairs as people are shown them, by their places."""

from sqlalchemy import Engine

from pairsift.adapters.store.decisions import committed_partitions, find_dataset
from pairsift.adapters.store.looked_at import pairs_shown, places_of
from tests.adapters.store.lives import live


def test_gives_pairs_in_the_order_in_which_they_are_asked_for(engine: Engine):
    live(engine, "cats", dropped=2)
    live(engine, "dogs", dropped=0)
    cats, dogs = (committed_partitions(engine, find_dataset(engine, name))[0] for name in ("cats", "dogs"))
    sets = {part.attempt_id: part.shown_decision_set_id for part in (cats, dogs)}

    rows = pairs_shown(engine, [(dogs.attempt_id, 0), (cats.attempt_id, 2), (cats.attempt_id, 0)], sets)

    assert [(row["attempt_id"], row["key"], row["verdict"], row["reason"]) for row in rows] == [
        (dogs.attempt_id, "key-0", "drop", "blurry"),
        (cats.attempt_id, "key-2", "drop", "blurry"),
        (cats.attempt_id, "key-0", "keep", None),
    ]
    assert pairs_shown(engine, [], sets) == []


def test_finds_the_committed_pairs_of_a_content_in_one_data_set(engine: Engine):
    live(engine, "cats", dropped=2)
    live(engine, "dogs", dropped=0)
    dogs = committed_partitions(engine, find_dataset(engine, "dogs"))[0]

    assert places_of(engine, find_dataset(engine, "dogs"), f"{3:032x}") == [(dogs.attempt_id, 3)]
    assert places_of(engine, find_dataset(engine, "dogs"), "f" * 32) == []
