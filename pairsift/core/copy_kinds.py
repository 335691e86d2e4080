"""The kinds of copies that a policy may look for, validated."""

from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from pairsift.core.conditions import PolicyModel

PERCEPTUAL_HASH = "image.phash"
"""The signal by which near copies are found."""

MOST_HAMMING_BITS = 16
"""Of 64 bits: unrelated pictures differ in about 32, and a search farther than this would compare most pairs."""


class Near(PolicyModel):
    """Pictures whose perceptual hashes differ in few bits are copies."""

    hamming: int = Field(
        ge=0, le=MOST_HAMMING_BITS, strict=True, description="Most bits of 64 in which image.phash may differ."
    )

    def describe(self) -> str:
        """Write the kind and its threshold, with its unit."""
        return f"near: {PERCEPTUAL_HASH} within {self.hamming} [bits of 64]"


class Semantic(PolicyModel):
    """Pictures whose embeddings point nearly the same way are copies."""

    cosine: float = Field(gt=0, lt=1, description="Image embeddings with a cosine above this are copies.")

    def describe(self) -> str:
        """Write the kind and its threshold, with its unit."""
        return f"semantic: image embeddings > {self.cosine:g} [cosine]"


class Placeholders(PolicyModel):
    """A picture that stands under many captions says nothing of any of them."""

    captions: int = Field(
        ge=2, strict=True, description="A picture under so many different captions, or more, is a placeholder."
    )


class Scope(StrEnum):
    """Among which pairs copies are looked for."""

    DATASET = "dataset"
    PARTITION = "partition"


class Duplicates(PolicyModel):
    """What counts as a copy, and where. `drop` and `keep` alone say what becomes of exact copies."""

    scope: Scope = Field(
        default=Scope.DATASET,
        description="Whether copies are looked for in the whole data set, or within each partition alone.",
    )
    exact: Literal["drop", "keep"] = Field(default="drop", description="What becomes of exact copies.")
    near: Near | None = Field(default=None, description="Drop near copies, by perceptual hash.")
    semantic: Semantic | None = Field(default=None, description="Drop semantic copies, by image embedding.")
    placeholders: Placeholders | None = Field(default=None, description="Drop pictures under many captions.")

    @model_validator(mode="before")
    @classmethod
    def _accept_word(cls, raw: object) -> object:
        return {"exact": raw} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _check_exact(self) -> Self:
        if self.exact == "keep" and (self.near is not None or self.semantic is not None):
            raise PydanticCustomError(
                "kept_copies", "exact copies are near and semantic copies too: they cannot be kept beside these", {}
            )
        return self

    @model_serializer(mode="wrap")
    def _write_shortly(self, serialise: SerializerFunctionWrapHandler) -> Any:  # noqa: ANN401 - one word or a mapping
        """Write one word where it says all, so that policies written before the other keys keep their fingerprint."""
        written = {key: value for key, value in serialise(self).items() if value not in (None, Scope.DATASET)}
        return self.exact if written.keys() == {"exact"} else written

    @property
    def looked_for(self) -> bool:
        """Whether any kind of copy is dropped, so that pairs have to be compared."""
        return self.exact == "drop" or self.placeholders is not None

    @property
    def over_dataset(self) -> bool:
        """Whether copies are looked for in all partitions of the data set."""
        return self.looked_for and self.scope is Scope.DATASET

    @property
    def exact_only(self) -> bool:
        """Whether exact copies are the only kind looked for."""
        return self.near is None and self.semantic is None and self.placeholders is None


def describe_duplicates(duplicates: Duplicates) -> str:
    """Write in one line what counts as a copy, each threshold with its unit."""
    kinds = [f"exact copies: {duplicates.exact}"]
    kinds += [kind.describe() for kind in (duplicates.near, duplicates.semantic) if kind is not None]
    if duplicates.placeholders is not None:
        kinds.append(f"placeholders: one picture under ≥ {duplicates.placeholders.captions} [captions]")
    return f"{'; '.join(kinds)}; within the {'data set' if duplicates.scope is Scope.DATASET else 'partition'}"
