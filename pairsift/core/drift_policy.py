"""From where on drift warns, or fails a run: a part of the policy that decides about no pair."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pairsift.core.conditions import PolicyModel, SignalName
from pairsift.core.signals import BY_NAME, RELATIVE
from pairsift.core.sketches import IDENTITIES

Points = Annotated[float, Field(gt=0, le=100)]

LIMITS = ("psi", "ks", "keep_rate", "mismatched")

LARGE_PSI = 0.25
"""The usual rule of thumb: below 0.1 nothing, up to 0.25 some, from there on a large shift (Siddiqi, 2006).

It knows no sample size (Yurdakul and Naranjo, 2020), so a limit counts only where the difference is significant, too.
"""


class DriftLimits(PolicyModel):
    """Limits of which any one that is reached, by a significant difference, counts."""

    psi: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="Least PSI of a signal.")
    ks: float | None = Field(
        default=None, gt=0, le=1, description="Least Kolmogorov–Smirnov distance of a signal; of words total variation."
    )
    keep_rate: Points | None = Field(default=None, description="Least change of the keep rate, percentage points.")
    mismatched: Points | None = Field(
        default=None, description="Least change of the share of mismatched pairs, percentage points."
    )
    signals: tuple[SignalName, ...] = Field(default=(), description="Signals that psi and ks are about; else all.")

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        if all(getattr(self, name) is None for name in LIMITS):
            raise PydanticCustomError("no_limit", "give at least one of {known}", {"known": ", ".join(LIMITS)})
        if self.signals and self.psi is None and self.ks is None:
            raise PydanticCustomError("signals_alone", "signals are watched by psi or ks: give one of them", {})
        unwatched = [name for name in self.signals if name not in BY_NAME or name in IDENTITIES | RELATIVE]
        if unwatched:
            raise PydanticCustomError(
                "unwatched",
                "{name} is not watched: only signals are, but for those that name a picture",
                {"name": unwatched[0]},
            )
        return self


class DriftPolicy(PolicyModel):
    """What drift leads to; null switches a part off."""

    warn: DriftLimits | None = Field(default=DriftLimits(psi=LARGE_PSI), description="From where on it is told.")
    fail: DriftLimits | None = Field(default=None, description="From where on the run ends Failed.")
