"""What the training of a fusion head is asked for."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pairsift.config import Augmentation, Model, RunConfig

BEST = "best"
NO_HEAD = "none"
TAKEN = {BEST: "the best of all heads", NO_HEAD: "fusion without a head"}
"""What names cannot be given, and why."""
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class TrainRequest(Model):
    """What one training is asked to do; the form of the Prefect UI."""

    name: str = Field(pattern=NAME, description="Name that score.fusion will give the head by; a taken one is refused.")
    source: str | None = Field(
        default=None, description="Good pairs to learn from: shards or a folder, as for a run. Nobody judges them."
    )
    dataset: str | None = Field(
        default=None,
        title="Data set",
        description="Instead of a source: learn from the pairs that this data set keeps.",
    )
    form: Literal["tokens", "concatenation", "single"] = Field(
        default="tokens",
        description="Cross-attention over tokens; or, to compare, concatenation of two vectors, or the reference "
        "method's attention over single vectors, which ignores the image.",
    )
    depth: int = Field(default=1, ge=1, le=12, description="Blocks of cross-attention over tokens.")
    pairs: int = Field(default=2000, ge=200, description="Pairs to learn from at most, chosen by their content.")
    epochs: int = Field(default=12, ge=1, description="Most epochs; training ends when held-out AUC no longer rises.")
    patience: int = Field(default=4, ge=1, description="Epochs without a rise after which training ends.")
    batch: int = Field(default=64, ge=8, description="Pairs of a step; the others of it are the negatives.")
    noise: float = Field(default=0.1, ge=0, le=2, description="Length of the noise added to tokens, of their own.")
    words_dropped: float = Field(default=0.2, ge=0, lt=1, description="Share of a caption's tokens left out in a step.")
    augment: tuple[Augmentation, ...] = Field(
        default=(),
        description="What is changed in augmented views of the pairs: crop, flip (but for captions that name a side), "
        "colour, blur and jpeg of the picture, words left out of the caption. Without any there are no views.",
    )
    views: int = Field(
        default=3,
        ge=1,
        le=64,
        description="Augmented views of each pair, encoded once: in each epoch one of them, or the pair, is seen.",
    )
    seed: int = Field(
        default=0, ge=0, description="Seed of the choice, the split, the views, the start, and every step."
    )
    config: RunConfig = Field(default=RunConfig(), description="Encoder and preprocessing are taken.")

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.source is None) == (self.dataset is None):
            raise ValueError("give either a source to learn from, or the name of a data set")
        if self.name in TAKEN:
            raise ValueError(f"{self.name} stands for {TAKEN[self.name]}: give another name")
        return self

    @property
    def encoded_views(self) -> int:
        """Say how many views of each pair there are besides itself."""
        return self.views if self.augment else 0

    @property
    def learnt_from(self) -> str:
        """Say for the record where the pairs come from."""
        return f"data set {self.dataset}" if self.dataset is not None else str(self.source)
