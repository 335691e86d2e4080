import json
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from pairsift.core.distances import kolmogorov_p
from pairsift.core.drift import (
    MERGED_AT_ONCE,
    Statistics,
    compare,
    compare_signal,
    judge_drift,
    merge_statistics,
    take_statistics,
)
from pairsift.core.drift_policy import DriftLimits, DriftPolicy
from pairsift.core.policy import Policy
from pairsift.core.sketches import NumberSketch, WordSketch

NAN = float("nan")
BRIGHTNESS, LANGUAGE = "image.brightness", "text.language"
PSI = DriftPolicy(warn=DriftLimits(psi=0.25))


def numbers(*counts: int, absent: int = 0) -> NumberSketch:
    """So many pairs at 1, 2, 3, …"""
    return NumberSketch(tuple(map(float, range(1, len(counts) + 1))), counts, absent)


def some(brightness: NumberSketch, language: WordSketch | None = None, **counts: int | None) -> Statistics:
    signals = {BRIGHTNESS: brightness} | ({} if language is None else {LANGUAGE: language})
    given = {"kept": None, "tested": 0, "above_half": 0} | counts
    return Statistics(pairs=brightness.pairs, signals=signals, **given)  # type: ignore[arg-type] # counts by name


WINDOW = some(numbers(100, 100, 100, 100), WordSketch({"en": 380, "de": 20}, 0, 0), kept=200, tested=400, above_half=40)


def test_statistics_count_the_p_values_above_one_half():
    made = take_statistics({BRIGHTNESS: np.array([1.0, 2.0, NAN, 1.0])}, np.array([0.5, 0.51, NAN, 1.0]), kept=2)

    assert made == Statistics(4, 2, tested=3, above_half=2, signals={BRIGHTNESS: numbers(2, 1, absent=1)})


def test_statistics_of_parts_add_up():
    parts = [some(numbers(1, 2), kept=1, tested=2, above_half=1), some(numbers(3, 0), kept=2, tested=3, above_half=0)]

    assert merge_statistics(iter(parts)) == Statistics(6, 3, 5, 1, {BRIGHTNESS: numbers(4, 2)})
    assert merge_statistics([]) is None


def test_any_number_of_parts_adds_up():
    parts = (some(numbers(1, 2)) for _ in range(MERGED_AT_ONCE**2 + 1))

    merged = merge_statistics(parts)

    assert merged is not None
    assert merged.signals == {BRIGHTNESS: numbers(4097, 8194)}


def test_parts_of_several_policies_have_no_keep_rate():
    merged = merge_statistics([some(numbers(1), kept=1), some(numbers(1), kept=None)])

    assert merged is not None
    assert merged.kept is None


def test_every_signal_and_both_shares_are_compared():
    now = some(numbers(10, 20, 30, 40), WordSketch({"de": 60, "en": 40}, 0, 0), kept=30, tested=100, above_half=30)

    found = {finding.name: finding for finding in compare(now, WINDOW)}

    assert list(found) == [BRIGHTNESS, LANGUAGE, "keep_rate", "mismatched"]
    assert (found[BRIGHTNESS].before, found[BRIGHTNESS].now) == (2.0, 3.0)
    assert found[BRIGHTNESS].ks == pytest.approx(0.2)
    assert (found[LANGUAGE].before, found[LANGUAGE].now) == ("en", "de")
    assert found[LANGUAGE].ks == pytest.approx(0.55)
    assert (found["keep_rate"].before, found["keep_rate"].now, found["keep_rate"].points) == (0.5, 0.3, -20.0)
    assert (found["mismatched"].before, found["mismatched"].now, found["mismatched"].points) == (0.2, 0.6, 40.0)


def test_q_is_adjusted_over_all_findings_together():
    now = some(numbers(10, 20, 30, 40), WordSketch({"en": 95, "de": 5}, 0, 0), kept=50, tested=100, above_half=10)

    found = {finding.name: finding for finding in compare(now, WINDOW)}

    assert found[LANGUAGE].p == found["keep_rate"].p == 1.0
    assert found[BRIGHTNESS].q == pytest.approx(4 * found[BRIGHTNESS].p)


def test_what_one_side_has_not_measured_is_left_out():
    nothing = numbers(absent=100)

    assert compare(some(nothing), WINDOW) == []
    assert compare(some(numbers(100)), replace(WINDOW, signals={BRIGHTNESS: nothing})) == []
    assert compare(some(numbers()), WINDOW) == []


def test_the_keep_rate_is_compared_only_where_both_sides_have_one():
    now = some(numbers(25, 25, 25, 25), kept=10)

    assert [finding.name for finding in compare(now, replace(WINDOW, kept=None))] == [BRIGHTNESS]


def test_a_signal_that_was_numbers_and_is_words_now_is_a_bug():
    with pytest.raises(TypeError, match=r"image\.brightness is numbers on one side"):
        compare(WINDOW, replace(WINDOW, signals={BRIGHTNESS: WordSketch({"dark": 400}, 0, 0)}))


def test_the_error_of_sketches_is_taken_off_the_distance_that_p_is_of():
    now, window = numbers(0, 0, 50, 50), replace(numbers(100, 100, 100, 100), error=0.1)

    found = compare_signal(BRIGHTNESS, now, window)

    assert (found.ks, found.p) == (0.5, kolmogorov_p(0.4, 100, 400))


def test_a_large_and_significant_shift_is_told():
    drift = judge_drift(some(numbers(0, 0, 50, 50)), WINDOW, PSI)

    assert (drift.level, drift.moved, drift.pairs, drift.reference_pairs) == ("warn", (BRIGHTNESS,), 100, 400)


def test_a_significant_shift_that_is_small_is_not_told():
    """Of very many pairs every trifle is significant."""
    now, window = some(numbers(260_000, 240_000)), some(numbers(250_000, 250_000))

    drift = judge_drift(now, window, PSI)

    assert drift.findings[0].q < 1e-6
    assert (drift.level, drift.moved) == ("none", ())


def test_a_large_shift_of_too_few_pairs_is_not_told():
    drift = judge_drift(some(numbers(0, 0, 2, 1)), WINDOW, PSI)

    assert drift.findings[0].psi is not None
    assert drift.findings[0].psi > 0.25
    assert (drift.level, drift.moved) == ("none", ())


SHIFTED = some(numbers(10, 20, 30, 40), WordSketch({"de": 60, "en": 40}, 0, 0), kept=30, tested=100, above_half=30)


@pytest.mark.parametrize(
    ("limits", "moved"),
    [
        ({"ks": 0.2}, (LANGUAGE, BRIGHTNESS)),
        ({"ks": 0.2, "signals": (BRIGHTNESS,)}, (BRIGHTNESS,)),
        ({"ks": 0.56}, ()),
        ({"psi": 0.25}, (LANGUAGE,)),
        ({"keep_rate": 20}, ("keep_rate",)),
        ({"keep_rate": 20.1}, ()),
        ({"mismatched": 40}, ("mismatched",)),
        ({"mismatched": 40.1}, ()),
        ({"psi": 0.25, "keep_rate": 1, "signals": (BRIGHTNESS,)}, ("keep_rate",)),
    ],
)
def test_a_limit_is_reached_from_its_value_on(limits: dict[str, object], moved: tuple[str, ...]):
    warns = judge_drift(SHIFTED, WINDOW, DriftPolicy(warn=DriftLimits.model_validate(limits)))
    fails = judge_drift(SHIFTED, WINDOW, DriftPolicy(warn=None, fail=DriftLimits.model_validate(limits)))

    assert (warns.level, warns.moved) == ("warn" if moved else "none", moved)
    assert (fails.level, fails.moved) == ("fail" if moved else "none", moved)


def test_failing_outweighs_warning_and_all_that_moved_is_named_the_shares_first():
    limits = DriftPolicy(warn=DriftLimits(ks=0.2), fail=DriftLimits(keep_rate=10))

    drift = judge_drift(SHIFTED, WINDOW, limits)

    assert (drift.level, drift.moved) == ("fail", ("keep_rate", LANGUAGE, BRIGHTNESS))


def test_a_comparison_is_json_with_the_limits_it_was_judged_by():
    stored = json.loads(json.dumps(judge_drift(SHIFTED, WINDOW, PSI).as_json()))

    assert (stored["level"], stored["moved"], stored["limits"]["warn"]["psi"]) == ("warn", [LANGUAGE], 0.25)
    assert [finding["name"] for finding in stored["findings"]] == [BRIGHTNESS, LANGUAGE, "keep_rate", "mismatched"]


def policy(drift: object = None) -> Policy:
    content = {"name": "p", "version": 1, "description": "d", "select": {"method": "fdr", "alpha": 0.05}}
    return Policy.model_validate(content if drift is None else content | {"drift": drift})


def test_a_policy_that_says_nothing_warns_at_the_rule_of_thumb_and_never_fails():
    assert policy().drift == DriftPolicy(warn=DriftLimits(psi=0.25), fail=None)
    assert policy({"fail": {"psi": 1}}).drift.warn == DriftLimits(psi=0.25)
    assert policy({"warn": None}).drift.warn is None


def test_limits_of_drift_leave_a_policy_s_identity_as_it_is():
    strict = policy({"fail": {"psi": 0.1}})

    assert (strict.sha256, strict.text) == (policy().sha256, policy().text)
    assert Policy.model_validate_json(strict.text) == policy()


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        ({"warm": {"psi": 1}}, "did you mean 'warn'"),
        ({"warn": {"pzi": 1}}, "did you mean 'psi'"),
        ({"warn": {"psi": 1, "signals": ["image.brightnes"]}}, "did you mean 'image.brightness'"),
        ({"warn": {}}, "give at least one of psi, ks, keep_rate, mismatched"),
        ({"warn": {"keep_rate": 5, "signals": [BRIGHTNESS]}}, "signals are watched by psi or ks"),
        ({"warn": {"psi": 1, "signals": ["image.phash"]}}, "image.phash is not watched"),
        ({"warn": {"psi": 1, "signals": ["source.similarity"]}}, "source.similarity is not watched"),
        ({"fail": {"psi": 0}}, "greater than 0"),
        ({"fail": {"ks": 1.1}}, "less than or equal to 1"),
    ],
)
def test_limits_that_make_no_sense_are_refused(drift: object, said: str):
    with pytest.raises(ValidationError, match=said):
        policy(drift)
