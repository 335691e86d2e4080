"""Signals of many pairs as columns of numbers or words, and why values are absent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Floats
from pairsift.core.judgements import Codes, reason_code
from pairsift.core.records import Reason, SignalValue
from pairsift.core.signals import BY_NAME
from pairsift.errors import ConfigError

Words = npt.NDArray[np.object_]
Column = Floats | Words


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Signals of n pairs by name.

    A column of numbers is (n,) float64, NaN where absent; one of words (n,) object, None where absent. `reasons` are
    (n,) codes of why a signal could not be measured, 0 where it was or does not apply; a signal of which every code
    is 0 may be left out.
    """

    count: int
    signals: Mapping[str, Column]
    reasons: Mapping[str, Codes]

    def numbers(self, signal: str) -> Floats:
        """The values of a signal that is a number; ConfigError if the table has not got it."""
        return np.asarray(self._column(signal), dtype=np.float64)

    def words(self, signal: str) -> Words:
        """The values of a signal that is a word; ConfigError if the table has not got it."""
        return np.asarray(self._column(signal), dtype=np.object_)

    def why_absent(self, signal: str) -> Codes:
        """Why values of a signal could not be measured: (n,) codes, 0 where none is known."""
        codes = self.reasons.get(signal)
        return np.zeros(self.count, dtype=np.uint8) if codes is None else codes

    def _column(self, signal: str) -> Column:
        if signal not in self.signals:
            raise ConfigError(
                f"the policy asks for {signal}, which was not scored; scored are: {', '.join(self.signals)}"
            )
        return self.signals[signal]


def to_columns(
    count: int, signals: Mapping[str, Sequence[SignalValue]], unmeasurable: Sequence[Mapping[str, Reason]]
) -> Columns:
    """Make columns of `count` pairs' values, None where not measured, and for each pair why.

    A NaN among the values is unmeasurable as SIGNAL_UNMEASURABLE if no reason is given.
    """
    columns = {name: _to_column(name, values) for name, values in signals.items()}
    reasons = to_reason_codes(count, enumerate(unmeasurable))
    nan = {
        name: np.array([value is not None for value in values], dtype=np.bool_) & np.isnan(columns[name])
        for name, values in signals.items()
        if BY_NAME[name].type != "str"
    }
    unknown = reason_code(Reason.SIGNAL_UNMEASURABLE)
    for name, flags in nan.items():
        codes = reasons.get(name, np.zeros(count, dtype=np.uint8))
        reasons[name] = np.where(flags & (codes == 0), unknown, codes).astype(np.uint8)
    return Columns(count, columns, reasons)


def to_reason_codes(count: int, unmeasurable: Iterable[tuple[int, Mapping[str, Reason]]]) -> dict[str, Codes]:
    """Turn (ordinal, reasons by signal) of some of `count` pairs into one column of codes a signal."""
    codes: dict[str, Codes] = {}
    for ordinal, reasons in unmeasurable:
        for signal, reason in reasons.items():
            if signal not in codes:
                codes[signal] = np.zeros(count, dtype=np.uint8)
            codes[signal][ordinal] = reason_code(reason)
    return codes


def _to_column(signal: str, values: Sequence[SignalValue]) -> Column:
    if BY_NAME[signal].type == "str":
        return np.array(values, dtype=np.object_)
    return np.array(values, dtype=np.float64)  # None becomes NaN
