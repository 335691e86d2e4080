"""The selections a policy may make of the survivors, validated."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from pairsift.core.conditions import NumericSignalName, PolicyModel, Threshold, Unmeasurable
from pairsift.core.signals import source_column

ALIGNMENT = "pair.alignment"
"""The signal that `fdr` judges."""


class Pool(StrEnum):
    """Whose values say where a cut lies."""

    PARTITION = "partition"
    RUN = "run"
    CALIBRATION = "calibration"


class Among(StrEnum):
    """Which pairs of a pool count."""

    SURVIVORS = "survivors"
    ALL = "all"


class Counting(StrEnum):
    """What a share is a share of, and how it is rounded."""

    MEASURED = "measured"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class PoolRequest:
    """Values that a selection needs to cut: of which signal, of whose pairs."""

    pool: Pool
    signal: str
    among: Among


class _Select(PolicyModel):
    unmeasurable: Unmeasurable = Field(
        default=Unmeasurable.QUARANTINE, description="What becomes of a pair whose signal could not be measured."
    )


class Absolute(_Select):
    """Keep what reaches a fixed value."""

    method: Literal["absolute"]
    signal: NumericSignalName = Field(description="Name of the signal, or source.NAME.")
    ge: Threshold = Field(description="Least value kept, in the signal's unit.")


class _Ranked(_Select):
    """A selection whose cut lies where a pool's values say."""

    signal: NumericSignalName = Field(description="Name of the signal, or source.NAME.")
    pool: Pool = Field(
        default=Pool.PARTITION,
        description="Whose values say where the cut lies: the partition's, those of all partitions of the run, or "
        "those of the data set's calibration.",
    )
    among: Among = Field(
        default=Among.SURVIVORS,
        description="Which of the pool's pairs count: what rules and copies left, or all of them.",
    )

    @model_validator(mode="after")
    def _check_pool(self) -> Self:
        if self.pool is Pool.CALIBRATION and self.among is Among.ALL:
            raise PydanticCustomError(
                "calibration_pool", "a calibration is made of survivors: leave out among, or choose another pool", {}
            )
        if self.pool is Pool.CALIBRATION and source_column(self.signal) is not None:
            raise PydanticCustomError(
                "calibration_column", "a calibration holds no columns of the source: choose another pool", {}
            )
        return self

    @model_serializer(mode="wrap")
    def _leave_out_defaults(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what says the default, so that policies written before these keys keep their fingerprint."""
        written: dict[str, Any] = serialise(self)
        fields = type(self).model_fields
        later = {name for name in ("pool", "among", "counting") if name in fields}
        return {key: value for key, value in written.items() if key not in later or value != fields[key].default}

    @property
    def request(self) -> PoolRequest:
        """The values that it needs."""
        return PoolRequest(self.pool, self.signal, self.among)


class TopFraction(_Ranked):
    """Keep the best share of a pool."""

    method: Literal["top_fraction"]
    fraction: float = Field(gt=0, le=1, description="Share kept.")
    counting: Counting = Field(
        default=Counting.MEASURED,
        description="measured: a share of the pairs that have a value, rounded up; all: as DataComp's code does, a "
        "share of all the pool's pairs, rounded down, and one more.",
    )


class Percentile(_Ranked):
    """Keep what is at or above a percentile of a pool."""

    method: Literal["percentile"]
    percentile: float = Field(ge=0, le=100, description="Percentile of the pool's values, 0 to 100.")


class Fdr(_Select):
    """Keep as many as the promised share of unrelated captions among them allows."""

    method: Literal["fdr"]
    alpha: float = Field(gt=0, lt=1, description="Highest expected share of unrelated captions among the kept.")

    @property
    def signal(self) -> str:
        """Name of the signal it judges."""
        return ALIGNMENT


Member = Absolute | TopFraction | Percentile


class AllOf(PolicyModel):
    """Keep what every one of several selections keeps; each ranks its whole pool, whatever the others keep."""

    method: Literal["all_of"]
    of: tuple[Annotated[Member, Field(discriminator="method")], ...] = Field(
        min_length=2, description="The selections: absolute, top_fraction or percentile."
    )

    @field_validator("of", mode="before")
    @classmethod
    def _refuse_fdr(cls, raw: object) -> object:
        members = raw if isinstance(raw, list | tuple) else ()
        if any(isinstance(member, Mapping) and member.get("method") == "fdr" for member in members):
            raise PydanticCustomError(
                "fdr_in_all_of",
                "fdr cannot be one of several: what another selection takes away after the procedure of Benjamini and "
                "Hochberg breaks its promise; select by fdr alone, and put the other conditions into rules",
                {},
            )
        return raw


class InTurn(PolicyModel):
    """Keep the best share of a pool by one signal, and among these the best by the next, each a share of the pool."""

    method: Literal["in_turn"]
    of: tuple[TopFraction, ...] = Field(
        min_length=2, description="The selections in their order: top_fraction, all within one pool."
    )

    @model_validator(mode="after")
    def _check_pools(self) -> Self:
        if len({(member.pool, member.among) for member in self.of}) > 1:
            raise PydanticCustomError(
                "several_pools", "selections in turn cut one pool: give all of them the same pool and among", {}
            )
        return self


Select = Annotated[Absolute | TopFraction | Percentile | Fdr | AllOf | InTurn, Field(discriminator="method")]


def members_of(select: Select) -> tuple[Member | Fdr, ...]:
    """List the selections that one is made of: itself, if it is not made of several."""
    return select.of if isinstance(select, AllOf | InTurn) else (select,)
