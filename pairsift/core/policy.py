"""The policy model: ordered drop rules, what becomes of copies, and one selection; validated and hashed."""

from fnmatch import fnmatchcase
from typing import Any, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pairsift.core.conditions import PolicyModel, Rule
from pairsift.core.copy_kinds import PERCEPTUAL_HASH, Duplicates
from pairsift.core.decontamination import SET_NAME, Decontaminate
from pairsift.core.drift_policy import DriftPolicy
from pairsift.core.fingerprint import fingerprint
from pairsift.core.neg_clip_loss import TEMPERATURE
from pairsift.core.norm_sim import Norm
from pairsift.core.records import Cleaner
from pairsift.core.selects import Fdr, Percentile, Pool, PoolRequest, Select, TopFraction, members_of
from pairsift.core.signals import NEG_CLIP_LOSS, NORM_SIM, RELATIVE, source_column

DECIDES_NOTHING = {"drift"}
"""Keys that leave every verdict as it is: no part of what a policy is stored and identified by."""


class Target(PolicyModel):
    """A set of pictures that data should be like, and how nearness to it is measured."""

    name: str = Field(pattern=SET_NAME, description="Name of a target set that `pairsift target` has made.")
    norm: Norm = Field(
        default="inf",
        description="inf: the cosine with the nearest of its pictures; 2: the norm of the cosines with all of them.",
    )


class Policy(PolicyModel):
    """How pairs are decided: unreadable ones first, then parts of evaluation sets, rules, copies, and the selection."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Lower-case name.")
    version: int = Field(ge=1, strict=True, description="Raise with every change.")
    description: str = Field(description="What it is for, in a sentence or two.")
    cleaner: Cleaner = Field(default=Cleaner.DEFAULT, description="How captions are cleaned before they are scored.")
    encoder: str | None = Field(
        default=None,
        description="Pattern of the encoders that its numbers are for; another one is warned of, not refused.",
    )
    decontaminate: Decontaminate | None = Field(
        default=None, description="Evaluation sets, and which pairs count as parts of them."
    )
    rules: tuple[Rule, ...] = Field(default=(), description="Drop rules, in order; the first that a pair fails counts.")
    duplicates: Duplicates = Field(default=Duplicates(), description="Which copies are dropped, exact ones by default.")
    select: Select = Field(description="What is kept of the survivors.")
    temperature: float | None = Field(
        default=None, gt=0, le=1, description="Of pair.neg_clip_loss; by default that of OpenAI's models, 0.01."
    )
    target: Target | None = Field(default=None, description="What pair.norm_sim compares pictures with.")
    drift: DriftPolicy = Field(default=DriftPolicy(), description="From where on drift warns or fails a run.")

    @model_validator(mode="after")
    def _check_relative(self) -> Self:
        """Ask for a target set exactly where something goes by it; the same of the temperature, which has a default."""
        for signal, key in ((NORM_SIM, "target"), (NEG_CLIP_LOSS, "temperature")):
            given, used = getattr(self, key) is not None, signal in self.signals
            if given and not used:
                raise PydanticCustomError(
                    "unused_key",
                    "{key} is for {signal}, which no rule and no selection goes by",
                    {"key": key, "signal": signal},
                )
            if used and not given and key == "target":
                raise PydanticCustomError(
                    "no_target",
                    "{signal} compares pictures with a target set: name one by the key target, such as "
                    "target: {{name: my-target}}",
                    {"signal": signal},
                )
        return self

    @property
    def sha256(self) -> str:
        """Fingerprint of what decides (64 hex digits): comments, layout, key order and spelt-out defaults leave it."""
        content: dict[str, Any] = self.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude=DECIDES_NOTHING
        )
        return fingerprint(content)

    def is_meant_for(self, encoder: str) -> bool:
        """Say whether an encoder, as the config names it, is one that its numbers are for."""
        return self.encoder is None or fnmatchcase(encoder, self.encoder)

    @property
    def text(self) -> str:
        """What decides, as canonical JSON that makes the same policy again."""
        return self.model_dump_json(by_alias=True, exclude_none=True, exclude=DECIDES_NOTHING)

    @property
    def signals(self) -> frozenset[str]:
        """The signals, and columns of the source as `source.NAME`, it goes by."""
        conditions = [condition for rule in self.rules for condition in (rule, *rule.unless)]
        near = self.duplicates.near or (self.decontaminate and self.decontaminate.near)
        hashes = () if near is None else (PERCEPTUAL_HASH,)
        return frozenset((*(named.signal for named in (*members_of(self.select), *conditions)), *hashes))

    @property
    def relative(self) -> frozenset[str]:
        """The relative signals it goes by, which compare a pair with a reference set."""
        return self.signals & RELATIVE

    @property
    def tau(self) -> float:
        """The temperature of pair.neg_clip_loss."""
        return TEMPERATURE if self.temperature is None else self.temperature

    @property
    def before_calibration(self) -> "Policy":
        """What it says of pairs while there is no calibration yet: without what compares pairs with reference sets."""
        measured = (rule for rule in self.rules if RELATIVE.isdisjoint(each.signal for each in (rule, *rule.unless)))
        return self.model_copy(update={"rules": tuple(measured), "decontaminate": None})

    @property
    def source_columns(self) -> frozenset[str]:
        """The columns of the source it goes by, without `source.`."""
        return frozenset(column for name in self.signals if (column := source_column(name)) is not None)

    @property
    def pools(self) -> frozenset[PoolRequest]:
        """The values from beyond the partition that its selection needs."""
        ranked = (member.request for member in members_of(self.select) if isinstance(member, TopFraction | Percentile))
        return frozenset(request for request in ranked if request.pool is not Pool.PARTITION)

    @property
    def needs_calibration(self) -> bool:
        """Whether it goes by z, p, negCLIPLoss or a calibration's pool: the data set must have a calibration then."""
        of_calibration = any(request.pool is Pool.CALIBRATION for request in self.pools)
        return isinstance(self.select, Fdr) or of_calibration or NEG_CLIP_LOSS in self.signals

    @property
    def shares_pools(self) -> bool:
        """Whether its selection goes by the values of all partitions that are decided together."""
        return any(request.pool is Pool.RUN for request in self.pools)

    @property
    def settles(self) -> bool:
        """Whether it goes by other partitions, so that none is decided for good before all of a run are measured."""
        return self.shares_pools or self.duplicates.over_dataset

    def finds_copies_as(self, other: "Policy") -> bool:
        """Say whether the same pairs are copies by another policy: its rules pass the same, and it compares alike."""
        asked = ("cleaner", "decontaminate", "rules", "duplicates")
        return all(getattr(self, key) == getattr(other, key) for key in asked)
