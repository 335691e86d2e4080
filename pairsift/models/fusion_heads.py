"""Trained fusion: image tokens attend to caption tokens, and a head says whether the two belong together.

Beside it, to be compared with: concatenation of the two vectors, and the reference method's attention over single
vectors, whose softmax over one key is 1, so that what it gives depends on the caption alone.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import torch
from torch import nn
from torch.nn import functional

from pairsift.models.scores import Sides
from pairsift.models.trained import Trained

Form = Literal["tokens", "concatenation", "single"]
DROPOUT = 0.2
START_TEMPERATURE = 10.0
START_WEIGHT = 5.0
"""Of each cosine in the logit: about the inverse of their deviation."""


@dataclass(frozen=True, slots=True)
class HeadShape:
    """How a head is built: `features` are the numbers of an image token, `dim` those of a caption's and of the result.

    With `compares` the logit also has the cosine of the two vectors, projected, and the encoder's own.
    """

    form: Form
    features: int
    dim: int
    width: int = 128
    heads: int = 8
    depth: int = 1
    compares: bool = True


class FusionHead(nn.Module):
    """A head of any form; `centre` (c,) is taken off what an image is described by."""

    centre: torch.Tensor
    temperature: torch.Tensor

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("centre", torch.zeros(shape.features))
        self.register_buffer("temperature", torch.ones(()))
        self.picture = nn.Linear(shape.features, shape.dim, bias=False)
        self.caption = nn.Linear(shape.dim, shape.dim, bias=False)
        nn.init.eye_(self.caption.weight)
        self.fusion = _FUSIONS[shape.form](shape)
        width = self.fusion.width
        self.itm = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(width, 1))
        self.out = nn.Linear(width, shape.dim, bias=False)
        self.weights = nn.Parameter(torch.full((2,), START_WEIGHT))
        self.log_scale = nn.Parameter(torch.tensor(START_TEMPERATURE).log())
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, pairs: Sides) -> tuple[torch.Tensor, torch.Tensor]:
        """Fuse pairs into unit vectors (n, d), and give the probability (n,) that each belongs together."""
        pictures, captions = self.project(pairs.pooled, pairs.text)
        cells, words = self.embed(pairs.cells, pairs.words)
        fused = self.fusion(pictures, captions, cells, words, pairs.valid)
        logits = self.logits(fused, (pictures * captions).sum(dim=-1), pairs.alignment)
        return functional.normalize(self.out(fused), dim=-1), torch.sigmoid(logits / self.temperature)

    def project(self, pooled: torch.Tensor, text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Bring what describes a picture (n, c) and a caption (n, d) as a whole into one space: unit vectors (n, d)."""
        pictures = self.picture(self.dropout(functional.normalize(pooled - self.centre, dim=-1)))
        return functional.normalize(pictures, dim=-1), functional.normalize(self.caption(self.dropout(text)), dim=-1)

    def embed(self, cells: torch.Tensor, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embed tokens of both sides for the fusion, whoever is paired with whom."""
        centred = functional.normalize(cells - self.centre, dim=-1)
        embedded: tuple[torch.Tensor, torch.Tensor] = self.fusion.embed(self.dropout(centred), self.dropout(words))
        return embedded

    def logits(self, fused: torch.Tensor, cosine: torch.Tensor, alignment: torch.Tensor) -> torch.Tensor:
        """Say how much speaks for each pair (n,)."""
        said: torch.Tensor = self.itm(fused)[:, 0]
        if not self.shape.compares:
            return said
        return said + self.weights[0] * cosine + self.weights[1] * alignment


class TokenFusion(nn.Module):
    """Cross-attention over tokens: image tokens ask, caption tokens answer; residual, norm, MLP; mean over cells."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.width = shape.width
        self.cells = nn.Sequential(nn.Linear(shape.features, shape.width), nn.LayerNorm(shape.width))
        self.words = nn.Sequential(nn.Linear(shape.dim, shape.width), nn.LayerNorm(shape.width))
        self.blocks = nn.ModuleList(_Block(shape) for _ in range(shape.depth))

    def embed(self, cells: torch.Tensor, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embed tokens of either side: (n, q, c) and (n, k, d) to (n, q, w) and (n, k, w)."""
        return self.cells(cells), self.words(words)

    def forward(
        self,
        pictures: torch.Tensor,  # noqa: ARG002 - all forms are called alike
        captions: torch.Tensor,  # noqa: ARG002 - as above
        cells: torch.Tensor,
        words: torch.Tensor,
        valid: torch.Tensor,
    ) -> torch.Tensor:
        """Fuse to (n, w)."""
        for block in self.blocks:
            cells = block(cells, words, valid)
        return cells.mean(dim=1)


class _Block(nn.Module):
    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        width = shape.width
        self.attention = nn.MultiheadAttention(width, shape.heads, dropout=DROPOUT / 2, batch_first=True)
        self.norm, self.last_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(2 * width, width)
        )

    def forward(self, cells: torch.Tensor, words: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        asked, _ = self.attention(cells, words, words, key_padding_mask=~valid, need_weights=False)
        states: torch.Tensor = self.norm(cells + asked)
        states = states + self.mlp(states)
        return cast("torch.Tensor", self.last_norm(states))


class _Vectors(nn.Module):
    """A fusion of the two vectors, which needs no tokens."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.width = shape.dim

    def embed(self, cells: torch.Tensor, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return cells, words


class Concatenation(_Vectors):
    """Both vectors side by side."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__(shape)
        self.width = 2 * shape.dim

    def forward(self, pictures: torch.Tensor, captions: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        """Fuse to (n, 2 d)."""
        return torch.cat([pictures, captions], dim=-1)


class SingleVectorAttention(_Vectors):
    """The reference method's: 8 heads, the image's vector asks, the caption's is the only key and value."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__(shape)
        self.attention = nn.MultiheadAttention(shape.dim, shape.heads, batch_first=True)

    def forward(self, pictures: torch.Tensor, captions: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        """Fuse to (n, d)."""
        one = captions[:, None]
        fused: torch.Tensor = self.attention(pictures[:, None], one, one, need_weights=False)[0]
        return fused[:, 0]


_FUSIONS: Mapping[str, Any] = {
    "tokens": TokenFusion,
    "concatenation": Concatenation,
    "single": SingleVectorAttention,
}


def load_head(source: Trained, device: str) -> FusionHead:
    """Load a head onto a device, to be used and not trained."""
    head = FusionHead(HeadShape(**source.shape))
    head.load_state_dict(source.tensors())
    return head.eval().requires_grad_(requires_grad=False).to(device)


def shape_of(head: FusionHead) -> dict[str, Any]:
    """Say how a head is built, as its file does."""
    return asdict(head.shape)
