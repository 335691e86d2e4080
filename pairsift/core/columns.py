"""Signals of many pairs as columns of numbers or words, and why values are absent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Floats, Integers
from pairsift.core.judgements import Codes, reason_code
from pairsift.core.records import Reason, SignalValue
from pairsift.core.signals import BY_NAME, source_column
from pairsift.errors import ConfigError

Words = npt.NDArray[np.object_]
Column = Floats | Words


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Those m of many pairs that are in an evaluation set, all (m,): `places` are theirs, rising; `reasons` are codes.

    `members` are SET/KEY of the nearest member. `distances` are bits of a perceptual hash or 1 − cosine, by reason; of
    the same image or caption they are 0.
    """

    places: Integers
    reasons: Codes
    members: Words
    distances: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Signals, and columns of the source as `source.NAME`, of n pairs by name.

    A signal that is a number is (n,) float64, NaN where absent; one that is a word (n,) object, None where absent. A
    source column is (n,) object: numbers, words and None; one that is not there is absent of every pair. `reasons` are
    (n,) codes of why a signal could not be measured, 0 where it was or does not apply; a signal of which every code is
    0 may be left out. `matches` are there where pairs were held against evaluation sets.
    """

    count: int
    signals: Mapping[str, Column]
    reasons: Mapping[str, Codes]
    matches: Matches | None = None

    def numbers(self, name: str) -> Floats:
        """The numbers of a signal or source column, NaN where there is none; ConfigError if it was not scored."""
        if source_column(name) is None:
            return np.asarray(self._signal(name), dtype=np.float64)
        return np.array([np.nan if isinstance(value, str) else value for value in self._of_source(name)], np.float64)

    def words(self, name: str) -> Words:
        """The words of a signal or source column, None where there is none; ConfigError if it was not scored."""
        if source_column(name) is None:
            return np.asarray(self._signal(name), dtype=np.object_)
        return _objects([value if isinstance(value, str) else None for value in self._of_source(name)])

    def why_absent(self, name: str) -> Codes:
        """Why values are absent where they are: (n,) codes, 0 where a signal does not apply."""
        if source_column(name) is not None:
            return np.full(self.count, reason_code(Reason.SOURCE_COLUMN_MISSING), dtype=np.uint8)
        codes = self.reasons.get(name)
        return np.zeros(self.count, dtype=np.uint8) if codes is None else codes

    def _signal(self, name: str) -> Column:
        if name not in self.signals:
            raise ConfigError(
                f"the policy asks for {name}, which was not scored; scored are: {', '.join(self.signals)}"
            )
        return self.signals[name]

    def _of_source(self, name: str) -> list[SignalValue]:
        values: list[SignalValue] = self.signals[name].tolist() if name in self.signals else [None] * self.count
        return values


def no_matches() -> Matches:
    """Say that no pair is in an evaluation set."""
    nothing, words = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.object_)
    return Matches(nothing, nothing.astype(np.uint8), words, np.empty(0))


def to_columns(
    count: int, signals: Mapping[str, Sequence[SignalValue]], unmeasurable: Sequence[Mapping[str, Reason]]
) -> Columns:
    """Make columns of `count` pairs' values, None where there is none, and for each pair why.

    A NaN among the values is unmeasurable as SIGNAL_UNMEASURABLE if no reason is given.
    """
    columns = {name: _to_column(name, values) for name, values in signals.items()}
    reasons = to_reason_codes(count, enumerate(unmeasurable))
    unknown = reason_code(Reason.SIGNAL_UNMEASURABLE)
    for name in (name for name in signals if not _holds_objects(name)):
        codes = reasons.get(name, np.zeros(count, dtype=np.uint8))
        given = np.array([value is not None for value in signals[name]], dtype=np.bool_)
        nan = given & np.isnan(np.asarray(columns[name], dtype=np.float64))
        reasons[name] = np.where(nan & (codes == 0), unknown, codes).astype(np.uint8)
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


def _to_column(name: str, values: Sequence[SignalValue]) -> Column:
    return _objects(values) if _holds_objects(name) else np.array(values, dtype=np.float64)  # None becomes NaN


def _holds_objects(name: str) -> bool:
    return source_column(name) is not None or BY_NAME[name].type == "str"


def _objects(values: Sequence[SignalValue]) -> Words:
    """Make an array of one dimension, whatever its values are."""
    column = np.empty(len(values), dtype=np.object_)
    column[:] = values
    return column
