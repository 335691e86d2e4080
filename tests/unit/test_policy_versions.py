"""New versions of policies: what moves the cut, and that a text comes back as the policy it was."""

import pytest

from pairsift.adapters.policies import load_policy, shipped_policies
from pairsift.core.policy import Policy
from pairsift.core.policy_versions import knob_of, parse_version, with_knob, write_policy
from pairsift.errors import ConfigError

SELECTS = {
    "alpha": {"method": "fdr", "alpha": 0.05},
    "ge": {"method": "absolute", "signal": "pair.alignment", "ge": 0.28},
    "fraction": {"method": "top_fraction", "signal": "pair.alignment", "fraction": 0.3},
    "percentile": {"method": "percentile", "signal": "pair.alignment", "percentile": 70},
}


def policy(select: dict[str, object]) -> Policy:
    return Policy.model_validate({"name": "mine", "version": 3, "description": "", "select": select})


@pytest.mark.parametrize("key", SELECTS)
def test_moves_the_number_that_cuts_and_nothing_else(key: str):
    before = policy(SELECTS[key])

    after = with_knob(before, 0.5, 4)

    assert after == policy({**SELECTS[key], key: 0.5}).model_copy(update={"version": 4})
    assert after.sha256 != before.sha256


@pytest.mark.parametrize(("key", "value"), [("alpha", 0), ("alpha", 1), ("fraction", 1.1), ("percentile", -1)])
def test_refuses_a_number_that_the_selection_cannot_have(key: str, value: float):
    with pytest.raises(ConfigError, match=key):
        with_knob(policy(SELECTS[key]), value, 4)


def test_a_policy_of_several_selections_has_no_such_number():
    several = policy({"method": "all_of", "of": [SELECTS["ge"], SELECTS["fraction"]]})

    assert knob_of(several) is None
    with pytest.raises(ConfigError, match="several selections"):
        with_knob(several, 0.5, 4)


@pytest.mark.parametrize("shipped", shipped_policies(), ids=lambda shipped: shipped.name)
def test_every_shipped_policy_comes_back_from_its_text(shipped: Policy):
    assert parse_version(write_policy(shipped), shipped.version) == shipped


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a\n- b", "not a mapping"),
        ("a: [", "not YAML"),
        ("name: mine", "select"),
        ("!!python/name:os.system x", "YAML"),
    ],
)
def test_a_text_that_is_no_policy_is_refused_with_why(text: str, told: str):
    with pytest.raises(ConfigError, match=told):
        parse_version(text, 2)


def test_the_version_is_the_one_that_is_given():
    assert parse_version(write_policy(load_policy("default")), 9).version == 9
