import pytest
from pydantic import ValidationError

from pairsift.core.policy import Condition, Policy, nearest
from pairsift.core.records import Cleaner

POLICY = {
    "name": "mine",
    "version": 1,
    "description": "Keeps the best.",
    "rules": [{"signal": "image.width", "lt": 64, "reason": "image_too_small"}],
    "select": {"method": "fdr", "alpha": 0.05},
}


def fault(raw: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate(raw)
    return str(caught.value)


def rule_fault(**rule: object) -> str:
    return fault(POLICY | {"rules": [{"reason": "policy_rule"} | {key.rstrip("_"): rule[key] for key in rule}]})


def test_what_is_not_said_is_the_careful_default():
    policy = Policy.model_validate(POLICY)

    assert policy.cleaner is Cleaner.DEFAULT
    assert policy.duplicates == "drop"
    assert policy.rules[0].unmeasurable == "quarantine"
    assert policy.select.unmeasurable == "quarantine"
    assert policy.select.signal == "pair.alignment"


@pytest.mark.parametrize(
    ("comparison", "thresholds"),
    [
        ({"signal": "image.width", "lt": 64}, ("lt", (64.0,))),
        ({"signal": "image.width", "in": [1, 2.5]}, ("in", (1.0, 2.5))),
        ({"signal": "text.language", "eq": "no"}, ("eq", ("no",))),
        ({"signal": "text.language", "not_in": ["en", "de"]}, ("not_in", ("en", "de"))),
    ],
)
def test_a_condition_knows_its_one_comparison(comparison: dict[str, object], thresholds: tuple[str, object]):
    condition = Condition.model_validate(comparison)

    assert (condition.comparison, condition.thresholds) == thresholds


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (fault(POLICY | {"selct": {}}), "unknown key 'selct'; did you mean 'select'?"),
        (fault(POLICY | {"select": {"method": "fdr", "alfa": 0.1}}), "unknown key 'alfa'; did you mean 'alpha'?"),
        (fault(POLICY | {"select": {"method": "best"}}), "'absolute', 'top_fraction', 'fdr'"),
        (fault(POLICY | {"version": 0}), "greater than or equal to 1"),
        (rule_fault(signal="image.wdith", lt=1), "there is no signal image.wdith; did you mean 'image.width'?"),
        (rule_fault(signal="image.width", les=1), "unknown key 'les'; did you mean 'le'?"),
        (rule_fault(signal="image.width"), "exactly one of lt, le, gt, ge, eq, in, not_in; given: none"),
        (rule_fault(signal="image.width", lt=1, gt=2), "given: lt, gt"),
        (rule_fault(signal="text.language", lt=1), "text.language is a word: compare it with eq, in, not_in"),
        (rule_fault(signal="text.language", eq=1), "text.language takes words, not 1.0"),
        (rule_fault(signal="image.width", eq="wide"), "image.width takes numbers (px), not 'wide'"),
        (rule_fault(signal="text.language", in_=["en", False]), "false is no value of a signal; YAML reads no, off"),
        (rule_fault(signal="image.width", lt=float("nan")), "finite number"),
        (rule_fault(signal="image.width", in_=[]), "at least 1 item"),
        (rule_fault(signal="image.width", lt=1, unless={"signal": "image.hight", "gt": 1}), "'image.height'?"),
    ],
)  # fmt: skip
def test_says_what_is_wrong_and_what_was_probably_meant(found: str, said: str):
    assert said in found


@pytest.mark.parametrize("method", [{"method": "absolute", "ge": 0.3}, {"method": "top_fraction", "fraction": 0.3}])
def test_pairs_cannot_be_ranked_by_a_word(method: dict[str, object]):
    assert "text.language is a word: pairs cannot be ranked by it" in fault(
        POLICY | {"select": method | {"signal": "text.language"}}
    )


@pytest.mark.parametrize(
    ("method", "bound"),
    [
        ({"method": "top_fraction", "signal": "pair.alignment", "fraction": 0}, "greater than 0"),
        ({"method": "top_fraction", "signal": "pair.alignment", "fraction": 1.01}, "less than or equal to 1"),
        ({"method": "fdr", "alpha": 0}, "greater than 0"),
        ({"method": "fdr", "alpha": 1}, "less than 1"),
    ],
)
def test_refuses_shares_out_of_range(method: dict[str, object], bound: str):
    assert bound in fault(POLICY | {"select": method})


def test_names_what_is_known_where_nothing_is_near():
    assert nearest("xyz", ["beta", "alpha"]) == "known are alpha, beta"


def test_the_fingerprint_is_of_the_content():
    spelt_out = POLICY | {"cleaner": "default", "duplicates": "drop"}
    reordered = dict(reversed(spelt_out.items()))
    whole = {"signal": "image.width", "lt": 64.0, "reason": "image_too_small", "unless": []}

    sha256 = Policy.model_validate(POLICY).sha256

    assert len(sha256) == 64
    assert Policy.model_validate(reordered).sha256 == sha256
    assert Policy.model_validate(POLICY | {"rules": [whole]}).sha256 == sha256


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"cleaner": "baseline"},
        {"duplicates": "keep"},
        {"rules": []},
        {"select": {"method": "fdr", "alpha": 0.1}},
        {"select": {"method": "fdr", "alpha": 0.05, "unmeasurable": "drop"}},
    ],
)
def test_every_change_of_content_changes_the_fingerprint(change: dict[str, object]):
    assert Policy.model_validate(POLICY | change).sha256 != Policy.model_validate(POLICY).sha256


def test_one_exception_needs_no_list():
    exception = {"signal": "text.language", "in": ["zh"]}
    one = {"signal": "text.words", "lt": 2, "reason": "caption_too_short", "unless": exception}

    policy = Policy.model_validate(POLICY | {"rules": [one]})

    assert policy == Policy.model_validate(POLICY | {"rules": [one | {"unless": [exception]}]})
