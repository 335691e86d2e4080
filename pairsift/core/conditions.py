"""The conditions and drop rules of a policy, validated; how its mistakes are told."""

import difflib
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pairsift.config import COLUMN_NAME, Model
from pairsift.core.records import Reason
from pairsift.core.signals import BY_NAME, source_column, unit_of

COMPARISONS = ("lt", "le", "gt", "ge", "eq", "in", "not_in")
WORD_COMPARISONS = ("eq", "in", "not_in")
"""The comparisons that make sense for a signal whose value is a word."""

Scalar = float | str


class Unmeasurable(StrEnum):
    """What becomes of a pair whose signal could not be measured."""

    DROP = "drop"
    KEEP = "keep"
    QUARANTINE = "quarantine"


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant, or else which are known."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(choices)}"


def _known_signal(name: str) -> str:
    column = source_column(name)
    if column is not None and not re.fullmatch(COLUMN_NAME, column):
        raise PydanticCustomError(
            "source_column",
            "{name} names no column of the source: write source.NAME, at most 100 characters without white space",
            {"name": repr(name)},
        )
    if column is None and name not in BY_NAME:
        hint = nearest(name, BY_NAME)
        raise PydanticCustomError("unknown_signal", "there is no signal {name}; {hint}", {"name": name, "hint": hint})
    return name


def _numeric_signal(name: str) -> str:
    if source_column(_known_signal(name)) is None and BY_NAME[name].type == "str":
        raise PydanticCustomError("word_signal", "{name} is a word: pairs cannot be ranked by it", {"name": name})
    return name


SignalName = Annotated[str, AfterValidator(_known_signal)]
NumericSignalName = Annotated[str, AfterValidator(_numeric_signal)]
Threshold = Annotated[float, Field(allow_inf_nan=False)]


class PolicyModel(Model):
    """A frozen model that answers an unknown key with the nearest known one."""

    @model_validator(mode="before")
    @classmethod
    def _suggest_keys(cls, raw: object) -> object:
        known = {field.alias or name for name, field in cls.model_fields.items()}
        for key in raw if isinstance(raw, Mapping) else ():
            if key not in known:
                hint = nearest(str(key), known)
                raise PydanticCustomError("unknown_key", "unknown key {key}; {hint}", {"key": repr(key), "hint": hint})
        return raw


class Condition(PolicyModel):
    """One signal or source column compared with one threshold, in its unit."""

    signal: SignalName = Field(description="Name of the signal, or source.NAME for a column of the source.")
    lt: Threshold | None = Field(default=None, description="Holds below this number.")
    le: Threshold | None = Field(default=None, description="Holds at or below this number.")
    gt: Threshold | None = Field(default=None, description="Holds above this number.")
    ge: Threshold | None = Field(default=None, description="Holds at or above this number.")
    eq: Scalar | None = Field(default=None, description="Holds at this value.")
    one_of: tuple[Scalar, ...] | None = Field(
        default=None, alias="in", min_length=1, description="Holds at any of these values."
    )
    not_in: tuple[Scalar, ...] | None = Field(default=None, min_length=1, description="Holds at any value but these.")

    @field_validator("lt", "le", "gt", "ge", "eq", "one_of", "not_in", mode="before")
    @classmethod
    def _refuse_booleans(cls, raw: object) -> object:
        for value in raw if isinstance(raw, list | tuple) else (raw,):
            if isinstance(value, bool):
                raise PydanticCustomError(
                    "boolean",
                    "{value} is no value of a signal; YAML reads no, off and yes so: quote the word",
                    {"value": str(value).lower()},
                )
        return raw

    @model_validator(mode="after")
    def _check_comparison(self) -> Self:
        given = [key for key in COMPARISONS if self._threshold(key) is not None]
        if len(given) != 1:
            raise PydanticCustomError(
                "comparisons",
                "compare {signal} with exactly one of {known}; given: {given}",
                {"signal": self.signal, "known": ", ".join(COMPARISONS), "given": ", ".join(given) or "none"},
            )
        self._check_type(given[0])
        return self

    def _check_type(self, comparison: str) -> None:
        if source_column(self.signal) is not None:
            self._check_alike()
            return
        expected, kind = (str, "words") if self.reads_words else (float, f"numbers ({unit_of(self.signal)})")
        if expected is str and comparison not in WORD_COMPARISONS:
            raise PydanticCustomError(
                "word_comparison",
                "{signal} is a word: compare it with {known}",
                {"signal": self.signal, "known": ", ".join(WORD_COMPARISONS)},
            )
        for value in self.thresholds:
            if not isinstance(value, expected):
                raise PydanticCustomError(
                    "threshold_type",
                    "{signal} takes {kind}, not {value}",
                    {"signal": self.signal, "kind": kind, "value": repr(value)},
                )

    def _check_alike(self) -> None:
        if len({isinstance(value, str) for value in self.thresholds}) > 1:
            raise PydanticCustomError(
                "mixed_thresholds",
                "compare {signal} with numbers or with words, not with both",
                {"signal": self.signal},
            )

    def _threshold(self, comparison: str) -> Scalar | tuple[Scalar, ...] | None:
        value: Scalar | tuple[Scalar, ...] | None = getattr(self, "one_of" if comparison == "in" else comparison)
        return value

    @property
    def reads_words(self) -> bool:
        """Whether it compares words; of a source column its thresholds tell."""
        if source_column(self.signal) is not None:
            return isinstance(self.thresholds[0], str)
        return BY_NAME[self.signal].type == "str"

    @property
    def comparison(self) -> str:
        """Which of COMPARISONS it makes."""
        return next(key for key in COMPARISONS if self._threshold(key) is not None)

    @property
    def thresholds(self) -> tuple[Scalar, ...]:
        """What the signal is compared with: one number or word, or for `in` and `not_in` several."""
        value = next(value for key in COMPARISONS if (value := self._threshold(key)) is not None)
        return value if isinstance(value, tuple) else (value,)


class Rule(Condition):
    """A drop rule: a pair of which the condition holds is dropped, unless one of `unless` holds too."""

    reason: Reason = Field(description="Why it drops a pair.")
    unless: tuple[Condition, ...] = Field(default=(), description="Conditions of which any one spares the pair.")
    unmeasurable: Unmeasurable = Field(
        default=Unmeasurable.QUARANTINE, description="What becomes of a pair on which the rule could not be tried."
    )

    @field_validator("unless", mode="before")
    @classmethod
    def _accept_one(cls, raw: object) -> object:
        return [raw] if isinstance(raw, Mapping) else raw
