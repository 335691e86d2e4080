"""What a policy drops because a model will be measured on it, validated."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pairsift.core.conditions import PolicyModel
from pairsift.core.copy_kinds import Near, Semantic

SET_NAME = r"^[a-z0-9][a-z0-9_.-]*$"
"""What a set of pictures may be called."""

MOST_SETS = 32
"""Every one is named in what identifies a decision."""


class Captions(PolicyModel):
    """Captions that say the same, whatever their case, punctuation and white space."""

    characters: int = Field(
        ge=1, strict=True, description="Captions of fewer letters and digits are not compared: many say `a dog`."
    )


class Decontaminate(PolicyModel):
    """Drop pairs that are in an evaluation set: by the image file always, by what is named besides too."""

    against: tuple[Annotated[str, Field(pattern=SET_NAME)], ...] = Field(
        min_length=1,
        max_length=MOST_SETS,
        description="Names of evaluation sets that `pairsift evaluation-set` has made.",
    )
    near: Near | None = Field(default=None, description="Drop pictures with nearly the same perceptual hash.")
    semantic: Semantic | None = Field(default=None, description="Drop pictures with nearly the same embedding.")
    captions: Captions | None = Field(default=None, description="Drop pairs with the same caption.")

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if len(set(self.against)) < len(self.against):
            raise PydanticCustomError("named_twice", "an evaluation set is named twice", {})
        return self


def describe_decontamination(asked: Decontaminate | None) -> str:
    """Write in one line what is dropped as a part of which evaluation sets, each threshold with its unit."""
    if asked is None:
        return "none"
    kinds = ["the same image", *(kind.describe() for kind in (asked.near, asked.semantic) if kind is not None)]
    if asked.captions is not None:
        kinds.append(f"the same caption of ≥ {asked.captions.characters} [letters and digits]")
    return f"{'; '.join(kinds)}; against {', '.join(asked.against)}"
