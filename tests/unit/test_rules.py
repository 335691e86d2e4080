import math

import numpy as np
import pytest

from pairsift.core.columns import Columns, to_columns
from pairsift.core.conditions import Rule
from pairsift.core.judgements import KEEP, REASONS, VERDICTS
from pairsift.core.records import Reason, SignalValue, Verdict
from pairsift.core.rules import explain_first_failure, first_failures
from pairsift.errors import ConfigError


def rule(**content: object) -> Rule:
    return Rule.model_validate({"reason": "policy_rule"} | {key.rstrip("_"): content[key] for key in content})


def outcome(
    tried: Rule, values: dict[str, SignalValue], unmeasurable: dict[str, Reason] | None = None
) -> tuple[Verdict, Reason] | None:
    """What one rule makes of one pair."""
    judged = first_failures([tried], columns(values, unmeasurable), np.array([0])).judged
    reason = REASONS[judged.reasons[0]]
    return None if reason is None else (VERDICTS[judged.verdicts[0]], reason)


def columns(values: dict[str, SignalValue], unmeasurable: dict[str, Reason] | None = None) -> Columns:
    """The signals of one pair."""
    return to_columns(1, {name: [value] for name, value in values.items()}, [unmeasurable or {}])


@pytest.mark.parametrize(
    ("comparison", "failing", "passing"),
    [
        ({"lt": 64}, [63, 63.999], [64, 65]),
        ({"le": 64}, [63, 64], [64.001, 65]),
        ({"gt": 64}, [65, 64.001], [64, 63]),
        ({"ge": 64}, [64, 65], [63.999, 63]),
        ({"eq": 64}, [64, 64.0], [63, 64.001]),
        ({"in": [1, 64]}, [64, 1], [2, 65]),
        ({"not_in": [1, 64]}, [2, 65], [64, 1]),
    ],
)
def test_drops_by_a_number_exactly_from_its_threshold_on(
    comparison: dict[str, object], failing: list[float], passing: list[float]
):
    tried = rule(signal="image.width", **comparison)

    assert [outcome(tried, {"image.width": value}) for value in failing] == [(Verdict.DROP, Reason.POLICY_RULE)] * 2
    assert [outcome(tried, {"image.width": value}) for value in passing] == [None, None]


@pytest.mark.parametrize(
    ("comparison", "failing", "passing"),
    [
        ({"eq": "en"}, "en", "de"),
        ({"in": ["en", "de"]}, "de", "zh"),
        ({"not_in": ["en", "de"]}, "zh", "en"),
    ],
)
def test_drops_by_a_word(comparison: dict[str, object], failing: str, passing: str):
    tried = rule(signal="text.language", **comparison)

    assert outcome(tried, {"text.language": failing}) == (Verdict.DROP, Reason.POLICY_RULE)
    assert outcome(tried, {"text.language": passing}) is None


@pytest.mark.parametrize(
    ("unmeasurable", "expected"),
    [
        ("drop", (Verdict.DROP, Reason.LANGUAGE_UNSUPPORTED)),
        ("quarantine", (Verdict.QUARANTINE, Reason.LANGUAGE_UNSUPPORTED)),
        ("keep", None),
    ],
)
def test_an_unmeasurable_signal_is_what_the_rule_says(unmeasurable: str, expected: tuple[Verdict, Reason] | None):
    tried = rule(signal="pair.alignment", lt=0.2, unmeasurable=unmeasurable)

    assert outcome(tried, {"pair.alignment": None}, {"pair.alignment": Reason.LANGUAGE_UNSUPPORTED}) == expected


def test_an_unmeasurable_word_is_what_the_rule_says():
    tried = rule(signal="text.language", not_in=["en"])

    found = outcome(tried, {"text.language": None}, {"text.language": Reason.SIGNAL_UNMEASURABLE})

    assert found == (Verdict.QUARANTINE, Reason.SIGNAL_UNMEASURABLE)


@pytest.mark.parametrize("comparison", [{"lt": 1}, {"gt": 1}, {"not_in": [1]}])
def test_nan_is_unmeasurable_and_never_compared(comparison: dict[str, object]):
    tried = rule(signal="image.entropy", **comparison)

    assert outcome(tried, {"image.entropy": math.nan}) == (Verdict.QUARANTINE, Reason.SIGNAL_UNMEASURABLE)


@pytest.mark.parametrize("comparison", [{"lt": 1}, {"gt": 1}, {"not_in": [1]}])
def test_a_rule_on_a_signal_that_does_not_apply_passes(comparison: dict[str, object]):
    assert outcome(rule(signal="image.entropy", **comparison), {"image.entropy": None}) is None


SHORT = {"signal": "text.words", "lt": 2, "reason": "caption_too_short"}
SPARED = SHORT | {
    "unless": [{"signal": "text.language", "in": ["zh"]}, {"signal": "text.characters", "ge": 9}],
}


@pytest.mark.parametrize(
    ("language", "characters", "dropped"), [("en", 8, True), ("zh", 8, False), ("en", 9, False), ("zh", 9, False)]
)
def test_any_one_exception_spares_a_pair(language: str, characters: int, *, dropped: bool):
    values: dict[str, SignalValue] = {"text.words": 1, "text.language": language, "text.characters": characters}

    expected = (Verdict.DROP, Reason.CAPTION_TOO_SHORT) if dropped else None
    assert outcome(rule(**SPARED), values) == expected


@pytest.mark.parametrize(
    ("words", "characters", "expected"),
    [
        (1, 8, (Verdict.QUARANTINE, Reason.SIGNAL_UNMEASURABLE)),  # it depends on the exception
        (1, 9, None),  # the other exception spares it anyhow
        (2, 8, None),  # the rule does not hold anyhow
    ],
)
def test_an_unmeasurable_exception_counts_only_where_it_matters(
    words: int, characters: int, expected: tuple[Verdict, Reason] | None
):
    values: dict[str, SignalValue] = {"text.words": words, "text.language": None, "text.characters": characters}

    assert outcome(rule(**SPARED), values, {"text.language": Reason.SIGNAL_UNMEASURABLE}) == expected


def test_a_rule_that_may_go_untried_passes_on_an_unmeasurable_exception():
    values: dict[str, SignalValue] = {"text.words": 1, "text.language": None, "text.characters": 8}
    tolerant = rule(**SPARED, unmeasurable="keep")

    assert outcome(tolerant, values, {"text.language": Reason.SIGNAL_UNMEASURABLE}) is None


def test_an_exception_that_does_not_apply_spares_nothing():
    values: dict[str, SignalValue] = {"text.words": 1, "text.language": None, "text.characters": 8}

    assert outcome(rule(**SPARED), values) == (Verdict.DROP, Reason.CAPTION_TOO_SHORT)


def test_names_the_first_rule_that_fails():
    rules = [
        rule(signal="image.width", lt=64, reason="image_too_small"),
        rule(signal="image.height", lt=64, reason="image_too_small"),
        rule(signal="image.entropy", lt=1, reason="low_information"),
    ]
    table = to_columns(
        3, {"image.width": [64, 48, 64], "image.height": [64, 48, 48], "image.entropy": [0.5, 0.5, 7.0]}, [{}, {}, {}]
    )

    failures = first_failures(rules, table, np.array([0, 1, 2]))

    assert failures.numbers.tolist() == [3, 1, 2]
    assert [REASONS[code] for code in failures.judged.reasons] == [
        Reason.LOW_INFORMATION,
        Reason.IMAGE_TOO_SMALL,
        Reason.IMAGE_TOO_SMALL,
    ]


def test_a_pair_that_passes_all_rules_has_no_number():
    failures = first_failures([rule(signal="image.width", lt=64)], columns({"image.width": 64}), np.array([0]))

    assert (failures.numbers[0], failures.judged.verdicts[0], failures.judged.reasons[0]) == (0, KEEP, 0)


def test_judges_only_the_pairs_it_is_given():
    table = to_columns(3, {"image.width": [64, 1, 1]}, [{}, {}, {}])

    failures = first_failures([rule(signal="image.width", lt=64)], table, np.array([2, 0]))

    assert failures.numbers.tolist() == [1, 0]


def test_a_signal_that_was_not_scored_is_an_error_and_no_pass():
    with pytest.raises(ConfigError, match=r"asks for image\.height, which was not scored"):
        first_failures([rule(signal="image.height", lt=64)], columns({"image.width": 1}), np.array([0]))


def test_explains_comparison_threshold_unit_and_value():
    table = columns({"text.words": 1, "text.language": "en", "text.characters": 3})

    assert explain_first_failure([rule(**SPARED)], table, 0) == (
        "rule 1: text.words = 1; text.words < 2 [words], unless text.language in zh [ISO 639 code] "
        "or text.characters ≥ 9 [characters] → drop (caption_too_short)"
    )


def test_explains_which_exception_could_not_be_measured():
    table = columns(
        {"text.words": 1, "text.language": None, "text.characters": 3}, {"text.language": Reason.SIGNAL_UNMEASURABLE}
    )
    one_exception = rule(**SHORT, unless={"signal": "text.language", "in": ["zh"]})

    assert explain_first_failure([one_exception], table, 0) == (
        "rule 1: text.language is unmeasurable; text.words < 2 [words], unless text.language in zh [ISO 639 code] "
        "→ quarantine (signal_unmeasurable)"
    )


@pytest.mark.parametrize(
    ("signal", "value", "shown"),
    [
        ("image.width", 1234567, "image.width = 1234567;"),
        ("image.entropy", 0.123456789, "image.entropy = 0.123457;"),
        ("text.language", "en", "text.language = en;"),
    ],
)
def test_shows_a_value_as_what_it_is(signal: str, value: SignalValue, shown: str):
    tried = rule(signal=signal, in_=[value])

    assert shown in str(explain_first_failure([tried], columns({signal: value}), 0))


MISSING = (Verdict.QUARANTINE, Reason.SOURCE_COLUMN_MISSING)


@pytest.mark.parametrize(
    ("comparison", "value", "expected"),
    [
        ({"gt": 0.5}, 0.6, (Verdict.DROP, Reason.POLICY_RULE)),
        ({"gt": 0.5}, 1, (Verdict.DROP, Reason.POLICY_RULE)),
        ({"gt": 0.5}, 0.5, None),
        ({"gt": 0.5}, "0.6", MISSING),  # a word that reads like a number is a word
        ({"eq": 1}, "1", MISSING),
        ({"eq": "UNSAFE"}, "UNSAFE", (Verdict.DROP, Reason.POLICY_RULE)),
        ({"eq": "UNSAFE"}, "unsafe", None),
        ({"not_in": ["UNLIKELY"]}, 0.1, MISSING),
        ({"not_in": ["UNLIKELY"]}, None, MISSING),
        ({"lt": 1}, None, MISSING),
    ],
)
def test_a_source_column_is_compared_only_with_its_like(
    comparison: dict[str, object], value: SignalValue, expected: tuple[Verdict, Reason] | None
):
    tried = rule(signal="source.x", **comparison)

    assert outcome(tried, {"source.x": value}) == expected


@pytest.mark.parametrize(
    ("unmeasurable", "expected"),
    [
        ("quarantine", MISSING),
        ("drop", (Verdict.DROP, Reason.SOURCE_COLUMN_MISSING)),
        ("keep", None),
    ],
)
def test_a_column_that_no_pair_carries_is_what_the_rule_says(
    unmeasurable: str, expected: tuple[Verdict, Reason] | None
):
    tried = rule(signal="source.punsafe", gt=0.5, unmeasurable=unmeasurable)

    assert outcome(tried, {"image.width": 64}) == expected


def test_an_exception_by_a_source_column_spares_who_carries_it():
    short = rule(**SHORT, unless={"signal": "source.checked", "eq": "true"})

    assert outcome(short, {"text.words": 1, "source.checked": "true"}) is None
    assert outcome(short, {"text.words": 1, "source.checked": "false"}) == (Verdict.DROP, Reason.CAPTION_TOO_SHORT)
    assert outcome(short, {"text.words": 1}) == MISSING


def test_explains_a_source_column_with_its_value():
    tried = rule(signal="source.punsafe", gt=0.5, reason="policy_rule")

    assert explain_first_failure([tried], columns({"source.punsafe": 0.75}), 0) == (
        "rule 1: source.punsafe = 0.75; source.punsafe > 0.5 [as in the source] → drop (policy_rule)"
    )
