"""Which drop rule of a policy a pair fails first.

A signal of a pair is measured (a number or a word), unmeasurable (absent with a reason, or NaN) or not applicable
(absent without a reason). A rule on a signal that does not apply passes; on one that is unmeasurable the rule's own
`unmeasurable` says what becomes of the pair.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.columns import Columns, Words
from pairsift.core.conditions import Condition, Rule, Scalar, Unmeasurable
from pairsift.core.judgements import DROP, KEEP, REASONS, VERDICTS, Codes, Judgements, keep_all, reason_code
from pairsift.core.records import Verdict
from pairsift.core.signals import BY_NAME, source_column, unit_of

SYMBOLS = {"lt": "<", "le": "≤", "gt": ">", "ge": "≥", "eq": "=", "in": "in", "not_in": "not in"}

_NUMERIC: dict[str, Callable[[Floats, tuple[Scalar, ...]], Flags]] = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "in": np.isin,
    "not_in": lambda values, numbers: ~np.isin(values, numbers),
}


@dataclass(frozen=True, slots=True, eq=False)
class Failures:
    """Of each of n pairs the rule, counted from 1, that settles it, 0 where it passes all (n,), and what it says."""

    numbers: Integers
    judged: Judgements


def first_failures(rules: Sequence[Rule], columns: Columns, pairs: Integers) -> Failures:
    """Find for each of some pairs (ordinals) the first rule that it fails, or that its `unmeasurable` settles."""
    numbers = np.zeros(len(pairs), dtype=np.int64)
    judged = keep_all(len(pairs))
    still_open = np.arange(len(pairs))
    for number, rule in enumerate(rules, start=1):
        said = _try_rule(rule, columns, pairs[still_open])
        judged.verdicts[still_open], judged.reasons[still_open] = said.verdicts, said.reasons
        passed = said.verdicts == KEEP
        numbers[still_open[~passed]] = number
        still_open = still_open[passed]
    return Failures(numbers, judged)


def explain_first_failure(rules: Sequence[Rule], columns: Columns, pair: int) -> str | None:
    """Tell in one line the rule that settles a pair, with threshold, unit, measured value and outcome."""
    failures = first_failures(rules, columns, np.array([pair]))
    number = int(failures.numbers[0])
    if number == 0:
        return None
    rule = rules[number - 1]
    unmeasured = _unmeasured_signal(rule, columns, pair)
    shown = f"{unmeasured} is unmeasurable" if unmeasured else f"{rule.signal} = {_shown_value(rule, columns, pair)}"
    verdict, reason = VERDICTS[failures.judged.verdicts[0]], REASONS[failures.judged.reasons[0]]
    return f"rule {number}: {shown}; {describe_rule(rule)} → {verdict} ({reason})"


def describe_rule(rule: Rule) -> str:
    """Write a rule's comparison and exceptions in one line, each threshold with its unit."""
    exceptions = " or ".join(map(_describe_condition, rule.unless))
    return f"{_describe_condition(rule)}, unless {exceptions}" if exceptions else _describe_condition(rule)


def _try_rule(rule: Rule, columns: Columns, pairs: Integers) -> Judgements:
    """Try one rule on some pairs; KEEP where it has nothing to say."""
    holds, why = _try(rule, columns, pairs)
    exceptions = [_try(exception, columns, pairs) for exception in rule.unless]
    spared = np.logical_or.reduce([np.zeros(len(pairs), dtype=np.bool_), *(flags for flags, _ in exceptions)])
    undecided = _first_code(len(pairs), [codes for _, codes in exceptions])
    untried = np.where(spared, 0, _first_code(len(pairs), [why, np.where(holds, undecided, 0)]))
    dropped = holds & ~spared & (undecided == 0)
    verdicts = np.where(dropped, DROP, KEEP).astype(np.uint8)
    reasons = np.where(dropped, reason_code(rule.reason), 0).astype(np.uint8)
    if rule.unmeasurable is not Unmeasurable.KEEP:
        verdicts[untried > 0] = VERDICTS.index(Verdict(rule.unmeasurable))
        reasons[untried > 0] = untried[untried > 0]
    return Judgements(verdicts, reasons)


def _try(condition: Condition, columns: Columns, pairs: Integers) -> tuple[Flags, Codes]:
    """For each pair: whether a condition holds, and where that cannot be known the code of the reason."""
    if condition.reads_words:
        holds, absent = _compare_words(condition, columns.words(condition.signal)[pairs])
    else:
        numbers = columns.numbers(condition.signal)[pairs]
        holds, absent = _NUMERIC[condition.comparison](numbers, condition.thresholds), np.isnan(numbers)
    why = np.where(absent, columns.why_absent(condition.signal)[pairs], 0).astype(np.uint8)
    return holds & ~absent, why


def _compare_words(condition: Condition, words: Words) -> tuple[Flags, Flags]:
    """For each word: whether the condition holds, and whether the word is not there."""
    wanted = frozenset(condition.thresholds)
    values = words.tolist()
    among = np.array([word in wanted for word in values], dtype=np.bool_)
    absent = np.array([word is None for word in values], dtype=np.bool_)
    return among != (condition.comparison == "not_in"), absent


def _first_code(count: int, columns: Sequence[Codes]) -> Codes:
    """Take for each pair the first code that is not 0."""
    found = np.zeros(count, dtype=np.uint8)
    for codes in reversed(columns):
        found = np.where(codes > 0, codes, found)
    return found


def _unmeasured_signal(rule: Rule, columns: Columns, pair: int) -> str | None:
    """Name the rule's own signal, or else that of its first exception, that could not be measured."""
    conditions = (rule, *rule.unless)
    tried = ((condition.signal, _try(condition, columns, np.array([pair]))[1][0]) for condition in conditions)
    return next((signal for signal, why in tried if why > 0), None)


def _shown_value(rule: Rule, columns: Columns, pair: int) -> str:
    if rule.reads_words:
        return str(columns.words(rule.signal)[pair])
    value = columns.numbers(rule.signal)[pair]
    whole = source_column(rule.signal) is None and BY_NAME[rule.signal].type == "int"
    return f"{value:.0f}" if whole else f"{value:.6g}"


def _describe_condition(condition: Condition) -> str:
    shown = [f"{value:g}" if isinstance(value, float) else value for value in condition.thresholds]
    return f"{condition.signal} {SYMBOLS[condition.comparison]} {', '.join(shown)} [{unit_of(condition.signal)}]"
