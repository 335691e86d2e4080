"""The policy model: ordered drop rules, what becomes of copies, and one selection; validated and hashed."""

import difflib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pairsift.config import Model
from pairsift.core.fingerprint import fingerprint
from pairsift.core.records import Cleaner, Reason
from pairsift.core.signals import BY_NAME

ALIGNMENT = "pair.alignment"
"""The signal that `fdr` judges."""

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
    if name not in BY_NAME:
        hint = nearest(name, BY_NAME)
        raise PydanticCustomError("unknown_signal", "there is no signal {name}; {hint}", {"name": name, "hint": hint})
    return name


def _numeric_signal(name: str) -> str:
    if BY_NAME[_known_signal(name)].type == "str":
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
    """One signal compared with one threshold, in the signal's unit."""

    signal: SignalName = Field(description="Name of the signal.")
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
        signal = BY_NAME[self.signal]
        expected, kind = (str, "words") if signal.type == "str" else (float, f"numbers ({signal.unit})")
        if expected is str and comparison not in WORD_COMPARISONS:
            raise PydanticCustomError(
                "word_comparison",
                "{signal} is a word: compare it with {known}",
                {"signal": signal.name, "known": ", ".join(WORD_COMPARISONS)},
            )
        for value in self.thresholds:
            if not isinstance(value, expected):
                raise PydanticCustomError(
                    "threshold_type",
                    "{signal} takes {kind}, not {value}",
                    {"signal": signal.name, "kind": kind, "value": repr(value)},
                )

    def _threshold(self, comparison: str) -> Scalar | tuple[Scalar, ...] | None:
        value: Scalar | tuple[Scalar, ...] | None = getattr(self, "one_of" if comparison == "in" else comparison)
        return value

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


class _Select(PolicyModel):
    unmeasurable: Unmeasurable = Field(
        default=Unmeasurable.QUARANTINE, description="What becomes of a pair whose signal could not be measured."
    )


class Absolute(_Select):
    """Keep what reaches a fixed value."""

    method: Literal["absolute"]
    signal: NumericSignalName = Field(description="Name of the signal.")
    ge: Threshold = Field(description="Least value kept, in the signal's unit.")


class TopFraction(_Select):
    """Keep the best share of the partition's survivors."""

    method: Literal["top_fraction"]
    signal: NumericSignalName = Field(description="Name of the signal.")
    fraction: float = Field(gt=0, le=1, description="Share of the survivors kept.")


class Fdr(_Select):
    """Keep as many as the promised share of unrelated captions among them allows."""

    method: Literal["fdr"]
    alpha: float = Field(gt=0, lt=1, description="Highest expected share of unrelated captions among the kept.")

    @property
    def signal(self) -> str:
        """Name of the signal it judges."""
        return ALIGNMENT


Select = Annotated[Absolute | TopFraction | Fdr, Field(discriminator="method")]


class Policy(PolicyModel):
    """How pairs are decided: unreadable ones are quarantined, then rules in order, then copies, then the selection."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Lower-case name.")
    version: int = Field(ge=1, strict=True, description="Raise with every change.")
    description: str = Field(description="What it is for, in a sentence or two.")
    cleaner: Cleaner = Field(default=Cleaner.DEFAULT, description="How captions are cleaned before they are scored.")
    rules: tuple[Rule, ...] = Field(default=(), description="Drop rules, in order; the first that a pair fails counts.")
    duplicates: Literal["drop", "keep"] = Field(default="drop", description="What becomes of exact copies.")
    select: Select = Field(description="What is kept of the survivors.")

    @property
    def sha256(self) -> str:
        """Fingerprint of the content (64 hex digits): comments, layout, key order and spelt-out defaults leave it."""
        content: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return fingerprint(content)

    @property
    def signals(self) -> frozenset[str]:
        """The signals it goes by."""
        conditions = [condition for rule in self.rules for condition in (rule, *rule.unless)]
        return frozenset({self.select.signal, *(condition.signal for condition in conditions)})

    @property
    def needs_calibration(self) -> bool:
        """Whether it goes by z or p, so that the data set must have a calibration; without, none is looked at."""
        return isinstance(self.select, Fdr)
