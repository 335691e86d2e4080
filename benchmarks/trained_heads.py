"""Heads of several forms, trained on the same parts of the same pairs from the same start; each is trained once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from pairsift.models.fusion_heads import Form, FusionHead, HeadShape
from pairsift.models.fusion_training import Lessons, Recipe, Split, begin, train


@dataclass(frozen=True, slots=True)
class Kind:
    """What is tried: the form, whether it has the two cosines beside it, its blocks, and whether it sees views."""

    form: Form
    compares: bool = True
    depth: int = 1
    augmented: bool = False


KINDS: Mapping[str, Kind] = {
    "tokens": Kind("tokens"),
    "tokens, augmented": Kind("tokens", augmented=True),
    "tokens, two blocks": Kind("tokens", depth=2),
    "concatenation, with cosines": Kind("concatenation"),
    "concatenation": Kind("concatenation", compares=False),
    "single vectors (reference method)": Kind("single", compares=False),
}


class Trainer:
    """Trains heads of one seed; `plain` and `viewed` are the same pairs, without and with views."""

    def __init__(self, plain: Lessons, viewed: Lessons, parts: Split, recipe: Recipe, folder: Path) -> None:
        self.plain, self.viewed, self.parts, self.recipe, self.folder = plain, viewed, parts, recipe, folder
        self._start: dict[str, torch.Tensor] | None = None

    def head(self, name: str) -> FusionHead:
        """Give a trained head, from the folder if it is there."""
        kind, features, dim = KINDS[name], self.plain.sides.pooled.shape[1], self.plain.sides.text.shape[1]
        shape = HeadShape(kind.form, features, dim, depth=kind.depth, compares=kind.compares)
        path = self.folder / f"{name}, seed {self.recipe.seed}, {self.recipe.epochs} epochs.pt"
        if not path.exists():
            *_, last = train(self.viewed if kind.augmented else self.plain, self.parts, self._begin(shape), self.recipe)
            self.folder.mkdir(parents=True, exist_ok=True)
            torch.save(last.best, path)
        head = FusionHead(shape)
        head.load_state_dict(torch.load(path, weights_only=True))
        return head.eval()

    def _begin(self, shape: HeadShape) -> FusionHead:
        """Make a head whose projections begin at the closed form, which is fitted once for all forms."""
        if self._start is None:
            made = begin(self.plain, self.parts.training, shape, self.recipe.seed)
            self._start = {name: made.state_dict()[name].clone() for name in ("centre", "picture.weight")}
        torch.manual_seed(self.recipe.seed)
        head = FusionHead(shape)
        head.load_state_dict(self._start, strict=False)
        return head
