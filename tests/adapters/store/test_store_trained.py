"""What was trained, by name: registered once, listed for its encoder."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from pairsift.adapters.store.kept import kept_pairs
from pairsift.adapters.store.trained import TrainedRow, best_head, list_trained, register_trained, require_free
from pairsift.errors import ConfigError
from tests.adapters.store.lives import live


def trained(name: str, space: str = "space-1", sha256: str = "ab") -> TrainedRow:
    uri = f"models/adapter/{name}.safetensors"
    return TrainedRow(name, space, "conse", {"dim": 384}, {"pairs": 100}, {"gain": 0.03}, uri, sha256)


def test_lists_what_was_trained_for_an_encoder_in_its_order(engine: Engine):
    for row in (trained("b"), trained("a"), trained("c", space="space-2")):
        register_trained(engine, "adapter", row)

    assert list_trained(engine, "adapter", "space-1") == [trained("b"), trained("a")]
    assert list_trained(engine, "fusion", "space-1") == []


def test_a_name_stays_what_it_is(engine: Engine):
    register_trained(engine, "adapter", trained("a"))
    register_trained(engine, "adapter", trained("a"))

    with pytest.raises(ConfigError, match=r"there is an adapter 'a' already.*another --name"):
        register_trained(engine, "adapter", trained("a", sha256="cd"))
    with pytest.raises(ConfigError):
        require_free(engine, "adapter", "a")

    require_free(engine, "fusion", "a")
    assert list_trained(engine, "adapter", "space-1") == [trained("a")]


def test_gives_the_kept_pairs_of_one_data_set_alone(engine: Engine):
    live(engine, "cats", dropped=2)
    live(engine, "dogs", dropped=0)

    kept = list(kept_pairs(engine, "cats"))

    assert len(kept) == 4
    assert all(pair.uid for pair in kept)


def test_the_best_head_is_that_of_the_encoder_with_the_highest_held_out_auc(engine: Engine):
    for name, space, reached in (("a", "space-1", 0.8), ("b", "space-1", 0.9), ("c", "space-2", 0.95)):
        register_trained(engine, "fusion", replace(trained(name, space=space), metrics={"auc_swapped": reached}))

    assert best_head(engine, "space-1", "conse") == "b"
    with pytest.raises(ConfigError, match=r"best, but there is no head for open_clip:x: make one"):
        best_head(engine, "space-3", "open_clip:x")
