import pytest
from pydantic import ValidationError

from pairsift.core.conditions import Condition, nearest
from pairsift.core.copy_kinds import Duplicates, describe_duplicates
from pairsift.core.policy import Policy
from pairsift.core.records import Cleaner
from pairsift.core.selects import Among, Fdr, Pool, PoolRequest

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


def select_fault(**select: object) -> str:
    return fault(POLICY | {"select": {"signal": "pair.alignment"} | select})


def test_what_is_not_said_is_the_careful_default():
    policy = Policy.model_validate(POLICY)

    assert policy.cleaner is Cleaner.DEFAULT
    assert policy.duplicates == Duplicates(exact="drop")
    assert policy.rules[0].unmeasurable == "quarantine"
    assert isinstance(policy.select, Fdr)
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
        (fault(POLICY | {"select": {"method": "best"}}), "'absolute', 'top_fraction', 'percentile', 'fdr', 'all_of'"),
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
        (rule_fault(signal="source.", lt=1), "'source.' names no column of the source: write source.NAME"),
        (rule_fault(signal="source.a b", lt=1), "'source.a b' names no column of the source"),
        (rule_fault(signal="source.nsfw", in_=["UNSAFE", 1]), "compare source.nsfw with numbers or with words, not"),
        (select_fault(method="percentile", percentile=100.1), "less than or equal to 100"),
        (select_fault(method="percentile", percentile=-1), "greater than or equal to 0"),
        (select_fault(method="percentile", percentile=5, pol="run"), "unknown key 'pol'; did you mean 'pool'?"),
        (select_fault(method="percentile", percentile=5, pool="day"), "'partition', 'run' or 'calibration'"),
        (select_fault(method="percentile", percentile=5, pool="calibration", among="all"), "is made of survivors"),
        (select_fault(method="top_fraction", fraction=0.1, counting="some"), "'measured' or 'all'"),
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


TOP = {"method": "top_fraction", "signal": "source.similarity", "fraction": 0.3}
BOTH = {"method": "all_of", "of": [TOP, {"method": "absolute", "signal": "image.width", "ge": 200}]}


def test_fdr_is_refused_as_one_of_several_with_the_reason():
    found = fault(POLICY | {"select": BOTH | {"of": [TOP, {"method": "fdr", "alpha": 0.1}]}})

    assert "fdr cannot be one of several" in found
    assert "breaks its promise" in found


@pytest.mark.parametrize("of", [[], [TOP]])
def test_one_selection_is_not_several(of: list[object]):
    assert "at least 2 items" in fault(POLICY | {"select": BOTH | {"of": of}})


def test_a_policy_names_the_signals_and_source_columns_it_goes_by():
    spared = {
        "signal": "text.words",
        "lt": 2,
        "reason": "caption_too_short",
        "unless": {"signal": "source.ok", "eq": 1},
    }

    policy = Policy.model_validate(POLICY | {"rules": [spared], "select": BOTH})

    assert policy.signals == {"text.words", "source.ok", "source.similarity", "image.width"}
    assert policy.source_columns == {"ok", "similarity"}


def test_a_policy_names_the_pools_from_beyond_the_partition():
    calibrated = {"method": "percentile", "signal": "pair.alignment", "percentile": 30, "pool": "calibration"}
    chosen = {"method": "all_of", "of": [TOP | {"pool": "run", "among": "all"}, calibrated, TOP]}

    assert Policy.model_validate(POLICY).pools == frozenset()
    assert Policy.model_validate(POLICY | {"select": chosen}).pools == {
        PoolRequest(Pool.RUN, "source.similarity", Among.ALL),
        PoolRequest(Pool.CALIBRATION, "pair.alignment", Among.SURVIVORS),
    }


@pytest.mark.parametrize(
    ("comparison", "words"),
    [({"lt": 0.5}, False), ({"eq": 1}, False), ({"eq": "UNSAFE"}, True), ({"not_in": ["a", "b"]}, True)],
)
def test_a_source_column_is_read_as_what_it_is_compared_with(comparison: dict[str, object], *, words: bool):
    assert Condition.model_validate({"signal": "source.x"} | comparison).reads_words is words


def test_a_default_pool_that_is_spelt_out_leaves_the_fingerprint():
    spelt_out = TOP | {"pool": "partition", "among": "survivors", "counting": "measured"}

    assert (
        Policy.model_validate(POLICY | {"select": spelt_out}).sha256
        == Policy.model_validate(POLICY | {"select": TOP}).sha256
    )


@pytest.mark.parametrize("change", [{"pool": "run"}, {"among": "all"}, {"counting": "all"}])
def test_another_pool_or_counting_changes_the_fingerprint(change: dict[str, object]):
    changed = Policy.model_validate(POLICY | {"select": TOP | change})

    assert changed.sha256 != Policy.model_validate(POLICY | {"select": TOP}).sha256
    assert Policy.model_validate_json(changed.model_dump_json(by_alias=True, exclude_none=True)) == changed


BY_LOSS = {"method": "absolute", "signal": "pair.neg_clip_loss", "ge": -0.1}
BY_NEARNESS = {"method": "absolute", "signal": "pair.norm_sim", "ge": 0.5}


def test_relative_signals_ask_for_what_pairs_are_compared_with():
    by_loss = Policy.model_validate(POLICY | {"select": BY_LOSS})
    by_nearness = Policy.model_validate(POLICY | {"select": BY_NEARNESS, "target": {"name": "mine"}})

    assert (by_loss.needs_calibration, by_loss.target) == (True, None)
    assert by_nearness.needs_calibration is False
    assert by_nearness.target is not None
    assert by_nearness.target.norm == "inf"


def test_a_rule_on_negcliploss_asks_for_a_calibration_too():
    rule = {"signal": "pair.neg_clip_loss", "lt": -0.2, "reason": "policy_rule"}
    select = {"method": "absolute", "signal": "image.width", "ge": 1}

    assert Policy.model_validate(POLICY | {"rules": [rule], "select": select}).needs_calibration


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"select": BY_NEARNESS}, "pair.norm_sim compares pictures with a target set: name one by the key target"),
        ({"target": {"name": "mine"}}, "target is for pair.norm_sim, which no rule and no selection goes by"),
        ({"temperature": 0.07}, "temperature is for pair.neg_clip_loss, which no rule and no selection goes by"),
        ({"select": BY_LOSS, "temperature": 0}, "greater than 0"),
        ({"select": BY_NEARNESS, "target": {"name": "My target"}}, "should match pattern"),
        ({"select": BY_NEARNESS, "target": {"name": "mine", "norm": 3}}, "'inf' or 2"),
        ({"drift": {"warn": {"psi": 0.2, "signals": ["pair.neg_clip_loss"]}}}, "pair.neg_clip_loss is not watched"),
    ],
)
def test_what_a_relative_signal_lacks_is_told(content: dict[str, object], said: str):
    assert said in fault(POLICY | content)


def test_selections_in_turn_cut_one_pool():
    top = {"method": "top_fraction", "signal": "pair.alignment", "fraction": 0.3}
    both = {"method": "in_turn", "of": [top, top | {"pool": "run"}]}

    assert "selections in turn cut one pool" in fault(POLICY | {"select": both})


@pytest.mark.parametrize(
    "change", [{"temperature": 0.02}, {"target": {"name": "other"}}, {"target": {"name": "mine", "norm": 2}}]
)
def test_what_pairs_are_compared_with_changes_the_fingerprint(change: dict[str, object]):
    near = {"signal": "pair.norm_sim", "lt": 0.1, "reason": "policy_rule"}
    policy = POLICY | {"rules": [near], "select": BY_LOSS, "target": {"name": "mine"}}

    assert Policy.model_validate(policy | change).sha256 != Policy.model_validate(policy).sha256


def test_what_was_written_as_a_word_keeps_its_fingerprint():
    """Taken with the code before duplicates had kinds."""
    assert Policy.model_validate(POLICY).sha256 == "1b1646d0d11a7a607f60ff1e832693931b6f2ddf590739aad0d4ffd93fd0420b"
    assert (
        Policy.model_validate(POLICY | {"duplicates": "keep"}).sha256
        == "b24e82c60e3896a38741ca287687af08af3cfc0ad929e6ec480e39a614b952f4"
    )
    assert (
        Policy.model_validate(POLICY | {"duplicates": {"exact": "keep"}}).sha256
        == "b24e82c60e3896a38741ca287687af08af3cfc0ad929e6ec480e39a614b952f4"
    )


@pytest.mark.parametrize(
    "duplicates",
    [
        "keep",
        {"near": {"hamming": 4}},
        {"near": {"hamming": 5}},
        {"semantic": {"cosine": 0.95}},
        {"placeholders": {"captions": 10}},
    ],
)
def test_every_kind_of_copy_changes_the_fingerprint_and_survives_being_stored(duplicates: object):
    policy = Policy.model_validate(POLICY | {"duplicates": duplicates})

    assert policy.sha256 != Policy.model_validate(POLICY | {"duplicates": {"near": {"hamming": 3}}}).sha256
    assert policy.sha256 != Policy.model_validate(POLICY).sha256
    assert Policy.model_validate_json(policy.model_dump_json(by_alias=True)) == policy


@pytest.mark.parametrize(
    ("duplicates", "said"),
    [
        ("dorp", "duplicates.exact\n  Input should be 'drop' or 'keep'"),
        ({"nere": {"hamming": 4}}, "unknown key 'nere'; did you mean 'near'?"),
        ({"near": {"haming": 4}}, "unknown key 'haming'; did you mean 'hamming'?"),
        ({"near": {"hamming": 17}}, "less than or equal to 16"),
        ({"near": {"hamming": -1}}, "greater than or equal to 0"),
        ({"near": {"hamming": 2.5}}, "valid integer"),
        ({"semantic": {"cosine": 1}}, "less than 1"),
        ({"semantic": {"cosine": 0}}, "greater than 0"),
        ({"placeholders": {"captions": 1}}, "greater than or equal to 2"),
        ({"exact": "keep", "near": {"hamming": 0}}, "exact copies are near and semantic copies too"),
        ({"exact": "keep", "semantic": {"cosine": 0.9}}, "exact copies are near and semantic copies too"),
    ],
)
def test_refuses_what_says_no_kind_of_copy(duplicates: object, said: str):
    assert said in fault(POLICY | {"duplicates": duplicates})


def test_near_copies_go_by_the_perceptual_hash():
    assert "image.phash" in Policy.model_validate(POLICY | {"duplicates": {"near": {"hamming": 4}}}).signals
    assert "image.phash" not in Policy.model_validate(POLICY).signals


def test_copies_are_described_with_their_units():
    everything = {"near": {"hamming": 4}, "semantic": {"cosine": 0.95}, "placeholders": {"captions": 10}}

    assert describe_duplicates(Duplicates.model_validate(everything)) == (
        "exact copies: drop; near: image.phash within 4 [bits of 64]; semantic: image embeddings > 0.95 [cosine]; "
        "placeholders: one picture under ≥ 10 [captions]; within the data set"
    )
