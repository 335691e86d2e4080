"""Which drop rule of a policy a pair fails first.

A signal of a pair is measured (a number or a word), unmeasurable (absent with a reason, or NaN) or not applicable
(absent without a reason). A rule on a signal that does not apply passes; on one that is unmeasurable the rule's own
`unmeasurable` says what becomes of the pair.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.policy import Condition, Rule, Scalar, Unmeasurable
from pairsift.core.records import Reason, SignalValue, Verdict
from pairsift.core.signals import BY_NAME
from pairsift.errors import ConfigError

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


@dataclass(frozen=True, slots=True)
class Columns:
    """Signals of n pairs by name, and why some could not be measured, pair by pair."""

    signals: Mapping[str, Sequence[SignalValue]]
    unmeasurable: Sequence[Mapping[str, Reason]]

    def column(self, signal: str) -> Sequence[SignalValue]:
        """The values of one signal; ConfigError if the table has not got it."""
        if signal not in self.signals:
            raise ConfigError(
                f"the policy asks for {signal}, which was not scored; scored are: {', '.join(self.signals)}"
            )
        return self.signals[signal]

    def why_unmeasurable(self, signal: str, pair: int) -> Reason | None:
        """Why a pair's signal could not be measured; None if it was measured or does not apply."""
        value = self.column(signal)[pair]
        if value is None:
            return self.unmeasurable[pair].get(signal)
        is_nan = isinstance(value, float) and value != value  # noqa: PLR0124 - NaN is what differs from itself
        return self.unmeasurable[pair].get(signal, Reason.SIGNAL_UNMEASURABLE) if is_nan else None


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule, counted from 1, that a pair fails, or that the signal `unmeasured` kept from being tried on it."""

    number: int
    verdict: Verdict
    reason: Reason
    unmeasured: str | None = None


def first_failures(rules: Sequence[Rule], columns: Columns, pairs: Integers) -> dict[int, Failure]:
    """Find for each of some pairs (ordinals) the first rule that settles it; pairs that pass all are left out."""
    failures: dict[int, Failure] = {}
    still_open = pairs
    for number, rule in enumerate(rules, start=1):
        found = _failures(number, rule, columns, still_open)
        failures |= found
        still_open = np.array([pair for pair in still_open.tolist() if pair not in found], dtype=np.int64)
    return failures


def explain_failure(rule: Rule, failure: Failure, columns: Columns, pair: int) -> str:
    """Tell in one line the rule, its comparison with threshold and unit, the measured value and the outcome."""
    value = columns.column(rule.signal)[pair]
    measured = f"{value:.6g}" if isinstance(value, float) else value
    shown = f"{failure.unmeasured} is unmeasurable" if failure.unmeasured else f"{rule.signal} = {measured}"
    outcome = f"{failure.verdict} ({failure.reason})"
    return f"rule {failure.number}: {shown}; {_describe(rule)}{_describe_unless(rule)} → {outcome}"


def _failures(number: int, rule: Rule, columns: Columns, pairs: Integers) -> dict[int, Failure]:
    """Try one rule on some pairs."""
    holds, unknown = _try(rule, columns, pairs)
    exceptions = [_try(exception, columns, pairs) for exception in rule.unless]
    nothing = np.zeros(len(pairs), dtype=np.bool_)
    spared = np.logical_or.reduce([nothing, *(flags for flags, _ in exceptions)])
    undecided = np.logical_or.reduce([nothing, *(flags for _, flags in exceptions)])
    dropped = holds & ~spared & ~undecided
    untried = ~spared & (unknown | (holds & undecided))
    found = {pair: Failure(number, Verdict.DROP, rule.reason) for pair in pairs[dropped].tolist()}
    if rule.unmeasurable is not Unmeasurable.KEEP:
        verdict = Verdict(rule.unmeasurable)
        for pair in pairs[untried].tolist():
            signal, reason = _first_unmeasurable(rule, columns, pair)
            found[pair] = Failure(number, verdict, reason, signal)
    return found


def _try(condition: Condition, columns: Columns, pairs: Integers) -> tuple[Flags, Flags]:
    """For each pair: whether a condition holds, and whether that cannot be known."""
    column = columns.column(condition.signal)
    chosen = [column[pair] for pair in pairs.tolist()]
    if BY_NAME[condition.signal].type == "str":
        holds = np.array([_word_holds(condition, value) for value in chosen], dtype=np.bool_)
        absent = np.array([value is None for value in chosen], dtype=np.bool_)
    else:
        values = np.array(chosen, dtype=np.float64)  # None becomes NaN
        absent = np.isnan(values)
        holds = _NUMERIC[condition.comparison](values, condition.thresholds) & ~absent
    unknown = absent.copy()
    for position in np.flatnonzero(absent).tolist():
        unknown[position] = columns.why_unmeasurable(condition.signal, int(pairs[position])) is not None
    return holds, unknown


def _word_holds(condition: Condition, value: SignalValue) -> bool:
    if value is None:
        return False
    return (value in condition.thresholds) is not (condition.comparison == "not_in")


def _first_unmeasurable(rule: Rule, columns: Columns, pair: int) -> tuple[str, Reason]:
    """Name the rule's own signal with its reason, or else that of its first exception that could not be measured."""
    signals = (rule.signal, *(exception.signal for exception in rule.unless))
    reasons = ((signal, columns.why_unmeasurable(signal, pair)) for signal in signals)
    return next((signal, reason) for signal, reason in reasons if reason is not None)


def _describe(condition: Condition) -> str:
    shown = [f"{value:g}" if isinstance(value, float) else value for value in condition.thresholds]
    unit = BY_NAME[condition.signal].unit
    return f"{condition.signal} {SYMBOLS[condition.comparison]} {', '.join(shown)} [{unit}]"


def _describe_unless(rule: Rule) -> str:
    return f", unless {' or '.join(_describe(exception) for exception in rule.unless)}" if rule.unless else ""
