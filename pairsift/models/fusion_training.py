"""Trains a fusion head: image–text matching against hard negatives of the batch, and contrast as a second task."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pairsift.core.adapting import Studied, fit_best
from pairsift.core.arrays import Floats, Integers
from pairsift.core.folds import swap_auc
from pairsift.models.fusion_heads import FusionHead, HeadShape
from pairsift.models.scores import Sides

WARM_UP = 0.05
"""Share of the steps in which the rate rises; then it falls as a cosine."""
SLOWER = 0.1
"""The rate of the two projections that begin where the closed form ends, against that of the rest."""
_PASS = 256
_FAR = -1e4


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is trained; `cells` of an image's tokens and a share of a caption's words are seen in each step."""

    epochs: int = 12
    batch: int = 64
    rate: float = 1e-3
    decay: float = 0.05
    cells: int = 12
    words_dropped: float = 0.2
    noise: float = 0.1
    contrast: float = 1.0
    patience: int = 4
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """n pairs to learn from, on one device: `sides` of each with its own caption.

    `image` (n, d) are the encoder's vectors of the pictures, `groups` (n,) tell who is alike. Behind the n rows of all
    but `groups` may come as many for each augmented view of them: row p + n · v is view v of pair p.
    """

    sides: Sides
    image: torch.Tensor
    groups: Integers

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def views(self) -> int:
        """How many augmented views each pair has besides itself."""
        return len(self.image) // len(self) - 1


@dataclass(frozen=True, slots=True)
class Trial:
    """Pairs that are held out (rows), and with whose captions each is tried: partners (n, k), -1 for nobody."""

    rows: Integers
    partners: Integers


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of pairs: to train on, to stop by, and to judge by. No group is in two of them."""

    training: Integers
    stopping: Trial
    judging: Trial
    hard: Trial


@dataclass(slots=True)
class Progress:
    """How far training is; `state` is everything that is needed to go on."""

    epoch: int
    curve: list[dict[str, float]]
    best: dict[str, torch.Tensor]
    best_auc: float
    state: dict[str, Any]


def pair_up(lessons: Lessons, images: torch.Tensor, captions: torch.Tensor) -> Sides:
    """Give the sides of pictures (rows) with the captions of others (rows)."""
    sides = lessons.sides
    alignment = (lessons.image[images] * sides.text[captions]).sum(dim=-1)
    return Sides(
        sides.pooled[images],
        sides.cells[images].float(),
        sides.text[captions],
        sides.words[captions].float(),
        sides.valid[captions],
        alignment,
    )


@torch.inference_mode()
def match(head: FusionHead, lessons: Lessons, images: Integers, captions: Integers) -> Floats:
    """Give the head's logits (n,) of pictures with captions, both by their rows, at temperature 1.

    Each picture and each caption is embedded once, however many it is tried with.
    """
    head.eval()
    rows, places = np.unique(np.concatenate([images, captions]), return_inverse=True)
    at = torch.from_numpy(rows)
    own = pair_up(lessons, at, at)
    pictures, texts = head.project(own.pooled, own.text)
    cells, words = head.embed(own.cells, own.words)
    parts = []
    for start in range(0, len(images), _PASS):
        one, other = (
            torch.from_numpy(side[start : start + _PASS]) for side in (places[: len(images)], places[len(images) :])
        )
        fused = head.fusion(pictures[one], texts[other], cells[one], words[other], own.valid[other])
        alignment = (lessons.image[at[one]] * own.text[other]).sum(dim=-1)
        parts.append(head.logits(fused, (pictures[one] * texts[other]).sum(dim=-1), alignment))
    return np.asarray(torch.cat(parts).double().cpu().numpy())


def try_out(score: Callable[[Integers, Integers], Floats], trial: Trial) -> tuple[Floats, Floats]:
    """Score held-out pairs with their own captions (n,) and with their partners' (n, k), NaN for nobody."""
    tried = trial.partners >= 0
    images = np.broadcast_to(trial.rows[:, None], trial.partners.shape)[tried]
    scores = score(np.concatenate([trial.rows, images]), np.concatenate([trial.rows, trial.partners[tried]]))
    swapped = np.full(trial.partners.shape, np.nan)
    swapped[tried] = scores[len(trial.rows) :]
    return scores[: len(trial.rows)], swapped


def begin(lessons: Lessons, rows: Integers, shape: HeadShape, seed: int) -> FusionHead:
    """Make a head whose projections begin at the closed form of `core.adapting`, fitted on the pairs to train on."""
    torch.manual_seed(seed)
    head = FusionHead(shape)
    sides = lessons.sides
    features, image, text = (part[rows].double().cpu().numpy() for part in (sides.pooled, lessons.image, sides.text))
    groups = np.unique(lessons.groups[rows], return_inverse=True)[1]
    adapter = fit_best(Studied(features, image, text, groups), seed)
    weights = torch.from_numpy(adapter.weights).float()
    with torch.no_grad():
        head.centre.copy_(torch.from_numpy(adapter.centre))
        head.picture.weight.copy_(weights.T / torch.linalg.matrix_norm(weights) * math.sqrt(shape.dim))
    return head.to(lessons.image.device)


def train(
    lessons: Lessons, parts: Split, head: FusionHead, recipe: Recipe, state: dict[str, Any] | None = None
) -> Iterator[Progress]:
    """Train on some pairs, and tell after every epoch how far it is; early, when held-out AUC no longer rises.

    With the `state` of an earlier progress it goes on there, to the same end.
    """
    run = _Run(lessons, parts.training, head, recipe)
    progress = Progress(0, [], {}, -math.inf, {}) if state is None else run.restore(state)
    while progress.epoch < recipe.epochs and progress.epoch - _best_epoch(progress.curve) <= recipe.patience:
        losses = run.epoch(progress.epoch)
        own, swapped = try_out(lambda images, captions: match(head, lessons, images, captions), parts.stopping)
        reached = float(swap_auc(own, swapped, np.ones((1, len(own))))[0])
        progress.epoch += 1
        progress.curve.append({"epoch": progress.epoch, **losses, "auc": reached})
        if reached > progress.best_auc:
            progress.best_auc, progress.best = reached, {k: v.clone() for k, v in head.state_dict().items()}
        progress.state = run.snapshot(progress)
        yield progress


def _best_epoch(curve: list[dict[str, float]]) -> int:
    return int(max(curve, key=lambda point: point["auc"])["epoch"]) if curve else 0


class _Run:
    """A head, its optimiser and its schedule; each epoch has a generator of its own, so that one can go on at any."""

    def __init__(self, lessons: Lessons, rows: Integers, head: FusionHead, recipe: Recipe) -> None:
        self.lessons, self.rows, self.head, self.recipe = lessons, rows, head, recipe
        self.batches = max(1, len(rows) // recipe.batch)
        slow = [head.picture.weight, head.caption.weight]
        fast = [part for part in head.parameters() if all(part is not other for other in slow)]
        groups: list[dict[str, Any]] = [{"params": fast}, {"params": slow, "lr": recipe.rate * SLOWER}]
        self.optimiser = torch.optim.AdamW(groups, lr=recipe.rate, weight_decay=recipe.decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate)
        self.mixed = lessons.image.device.type == "cuda"

    def _rate(self, step: int) -> float:
        steps = self.recipe.epochs * self.batches
        return min((step + 1) / (WARM_UP * steps + 1), 0.5 * (1 + math.cos(math.pi * min(step / steps, 1))))

    def snapshot(self, progress: Progress) -> dict[str, Any]:
        told = {field.name: getattr(progress, field.name) for field in fields(progress) if field.name != "state"}
        parts: dict[str, Any] = {"head": self.head, "optimiser": self.optimiser, "schedule": self.schedule}
        return told | {name: part.state_dict() for name, part in parts.items()}

    def restore(self, state: dict[str, Any]) -> Progress:
        self.head.load_state_dict(state["head"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        return Progress(state["epoch"], state["curve"], state["best"], state["best_auc"], state)

    def epoch(self, number: int) -> dict[str, float]:
        rng = np.random.default_rng([self.recipe.seed, number])
        torch.manual_seed(int(rng.integers(2**31)))
        self.head.train()
        pairs = rng.permutation(self.rows)
        # Of each pair a picture and a caption, from among itself and its views, each by a draw of its own.
        seen = pairs + len(self.lessons) * rng.integers(1 + self.lessons.views, size=(2, len(pairs)))
        batches = np.array_split(np.stack([pairs, *seen]), self.batches, axis=1)
        told = [self._step(*map(torch.from_numpy, batch)) for batch in batches]
        return {name: float(np.mean([step[name] for step in told])) for name in told[0]}

    def _step(self, pairs: torch.Tensor, images: torch.Tensor, captions: torch.Tensor) -> dict[str, float]:
        """Learn from a batch of pairs, whose pictures and captions are at the rows that are to be seen of them."""
        with torch.autocast(self.lessons.image.device.type, torch.bfloat16, enabled=self.mixed):
            matching, contrast = self._losses(pairs, images, captions)
        self.optimiser.zero_grad()
        (matching + self.recipe.contrast * contrast).backward()  # type: ignore[no-untyped-call] # torch's own gap
        nn.utils.clip_grad_norm_(self.head.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        return {"matching": float(matching.detach()), "contrast": float(contrast.detach())}

    def _losses(
        self, pairs: torch.Tensor, images: torch.Tensor, captions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        head, sides = self.head, self._seen(pair_up(self.lessons, images, captions))
        pictures, texts = head.project(sides.pooled, sides.text)
        cosines = pictures @ texts.T
        groups = torch.from_numpy(self.lessons.groups[pairs.numpy()]).to(cosines.device)
        alike = groups[:, None] == groups[None]
        scaled = head.log_scale.exp() * cosines
        own = torch.arange(len(pairs), device=cosines.device)
        foreign = scaled.masked_fill(alike & ~torch.eye(len(pairs), dtype=torch.bool, device=alike.device), _FAR)
        contrast = (functional.cross_entropy(foreign, own) + functional.cross_entropy(foreign.T, own)) / 2
        one, other = _hard_negatives(scaled.detach().masked_fill(alike, _FAR), own)
        cells, words = head.embed(sides.cells, sides.words)
        fused = head.fusion(pictures[one], texts[other], cells[one], words[other], sides.valid[other])
        alignment = (self.lessons.image[images] @ sides.text.T)[one, other]
        logits = head.logits(fused, cosines[one, other], alignment)
        return functional.binary_cross_entropy_with_logits(logits.float(), (one == other).float()), contrast

    def _seen(self, sides: Sides) -> Sides:
        """Leave out some cells, the same places in all pictures, and some words of each caption, and add noise."""
        cells = sides.cells[:, torch.randperm(sides.cells.shape[1])[: self.recipe.cells]]
        kept = torch.rand(sides.valid.shape, device=cells.device) >= self.recipe.words_dropped
        kept[:, 0] = True
        return Sides(
            self._noisy(sides.pooled),
            self._noisy(cells),
            sides.text,
            self._noisy(sides.words),
            sides.valid & kept,
            sides.alignment,
        )

    def _noisy(self, tokens: torch.Tensor) -> torch.Tensor:
        """Add noise whose length is a share of each token's own."""
        lengths = tokens.norm(dim=-1, keepdim=True) / math.sqrt(tokens.shape[-1])
        noise: torch.Tensor = self.recipe.noise * lengths * torch.randn_like(tokens)
        return tokens + noise


def _hard_negatives(likeness: torch.Tensor, own: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pair each with its own, each picture with a caption it is like, and each caption with such a picture."""
    captions = torch.multinomial(likeness.softmax(dim=1), 1)[:, 0]
    images = torch.multinomial(likeness.T.softmax(dim=1), 1)[:, 0]
    return torch.cat([own, own, images]), torch.cat([own, captions, own])


def fit_temperature(own: Floats, swapped: Floats) -> float:
    """Choose the temperature under which logits of held-out pairs, matched (n,) and not (m,), are likeliest.

    Both sides weigh alike, as if every second pair belonged together.
    """
    tried = np.geomspace(0.2, 10, 200)

    def loss(temperature: float) -> float:
        return float(np.logaddexp(0, -own / temperature).mean() + np.logaddexp(0, swapped / temperature).mean())

    return float(min(tried, key=loss))
