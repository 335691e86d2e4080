"""Versions of policies saved by people, and found again by name."""

import pytest
from sqlalchemy import Engine

from pairsift.adapters.policies import find_policy, load_policy
from pairsift.adapters.store.registry import register_policy
from pairsift.adapters.store.versions import policy_versions, save_version
from pairsift.core.policy_versions import with_knob
from pairsift.errors import ConfigError

DEFAULT = load_policy("default")


def test_a_saved_version_is_found_by_its_name_with_why_and_by_whom(engine: Engine):
    register_policy(engine, "default", "1", DEFAULT.sha256, DEFAULT.text)
    saved = with_knob(DEFAULT, 0.1, 2)

    save_version(engine, saved, "too few were kept", "ada")

    assert find_policy(engine, "default@2") == saved
    assert find_policy(engine, "default") == DEFAULT
    first, second = policy_versions(engine, "default")
    assert (first.version, first.note, first.made_by) == ("1", None, None)
    assert (second.version, second.note, second.made_by) == ("2", "too few were kept", "ada")
    assert register_policy(engine, "default", "2", saved.sha256, saved.text)  # what decide does


def test_versions_are_counted_as_numbers(engine: Engine):
    for version in (10, 9):
        save_version(engine, with_knob(DEFAULT, 0.1, version), "", "ada")

    assert [each.version for each in policy_versions(engine, "default")] == ["9", "10"]


def test_a_taken_version_is_refused(engine: Engine):
    save_version(engine, with_knob(DEFAULT, 0.1, 2), "", "ada")

    with pytest.raises(ConfigError, match="has a version 2 by now"):
        save_version(engine, with_knob(DEFAULT, 0.2, 2), "", "bo")


@pytest.mark.parametrize(("asked", "told"), [("default@7", "known of it: default@2"), ("nobody@1", "knows no policy")])
def test_an_unknown_version_is_refused_with_those_that_are_known(engine: Engine, asked: str, told: str):
    save_version(engine, with_knob(DEFAULT, 0.1, 2), "", "ada")

    with pytest.raises(ConfigError, match=told):
        find_policy(engine, asked)
