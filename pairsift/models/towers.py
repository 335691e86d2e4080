"""The two towers of an open_clip model as networks of their own: from pixels or token ids to vectors and tokens."""

from typing import cast

import torch
from open_clip.hf_model import ClsPooler, HFTextEncoder
from open_clip.model import CLIP
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import TextTransformer, VisionTransformer, text_global_pool
from torch import nn
from torch.nn import functional

Pair = tuple[torch.Tensor, torch.Tensor]


class ImageTower(nn.Module):
    """Sees pictures: uint8 RGB (b, h, w, 3) to unit vectors (b, d) and tokens (b, q, d), float32.

    A token is what the tower's own projection makes of one patch, or of one cell of the last feature map (Zhou et al.,
    2022, "Extract free dense labels from CLIP", section 3.2). Where a tower has no such projection, the picture's
    vector is its only token.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self, visual: nn.Module, mean: tuple[float, ...], std: tuple[float, ...], dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.visual = visual
        self.dtype = dtype
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, pixels: torch.Tensor) -> Pair:
        """See a batch of pictures."""
        # The rows of pixels are already what torch calls channels_last: only the view changes.
        scaled = (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean.float()) / self.std.float()
        pooled, tokens = _see(self.visual, scaled.to(self.dtype))
        return _unit(pooled), _unit(_fitting(tokens, pooled))


class TextTower(nn.Module):
    """Reads captions: token ids (b, k) int64 to unit vectors (b, d) and tokens (b, k, d), float32.

    Each row may be cut behind its caption's end where `is_trimmable`. Where it `pools_early`, products of one state a
    row follow, not of all tokens.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.text = model if isinstance(model, CLIP) else cast("nn.Module", model.text)
        self.is_trimmable = is_trimmable(self.text)
        self.pools_early = not isinstance(self.text, CLIP | TextTransformer) or has_class_token(self.text)

    def forward(self, ids: torch.Tensor) -> Pair:
        """Read a batch of captions."""
        pooled, tokens = _read(self.text, ids)
        return _unit(pooled), _unit(_fitting(tokens, pooled))


def is_trimmable(text: nn.Module) -> bool:
    """Say whether what stands behind a caption's end changes nothing: causal attention pooled at the end, or a mask.

    SigLIP pools the last of all its places, and attends to the padding between.
    """
    if isinstance(text, CLIP):
        return text.attn_mask is not None and text.text_pool_type in {"argmax", "eos"}
    if isinstance(text, TextTransformer):
        masked = text.attn_mask is not None or text.use_pad_mask
        return bool(masked and text.cls_emb is None and text.pool_type in {"argmax", "eos"})
    return isinstance(text, HFTextEncoder)


def has_class_token(text: nn.Module) -> bool:
    """Say whether a text tower has a token of its own for the whole caption, as CoCa's has."""
    return getattr(text, "cls_emb", None) is not None


def lay_out_projections(net: nn.Module) -> None:
    """Turn, in place, the projections that are matrices round in memory, so that they lie as those of layers do.

    The values stay. As they come, a product of fewer than 192 rows with a matrix from 1024 × 1024 on has other bits
    than one of more (MKL on a Xeon); turned, only one of fewer than 16 has.
    """
    for name, projection in list(net.named_parameters()):
        if name.rpartition(".")[2] in {"text_projection", "proj"} and projection.ndim == 2:
            projection.data = projection.data.T.contiguous().T


def _see(visual: nn.Module, pixels: torch.Tensor) -> Pair:
    if isinstance(visual, VisionTransformer):
        return _see_transformer(visual, pixels)
    if isinstance(visual, TimmModel):
        return _see_timm(visual, pixels)
    if isinstance(visual, ModifiedResNet):
        return _see_resnet(visual, pixels)
    pooled = _pooled(visual, pixels)
    return pooled, pooled[:, None]


def _see_transformer(visual: VisionTransformer, pixels: torch.Tensor) -> Pair:
    pooled, tokens = visual._pool(visual.transformer(visual._embeds(pixels)))  # noqa: SLF001 - its own parts
    if visual.final_ln_after_pool and visual.attn_pool is None:
        tokens = visual.ln_post(tokens)
    if visual.proj is None:
        return pooled, tokens
    return pooled @ visual.proj, tokens @ visual.proj


def _see_timm(visual: TimmModel, pixels: torch.Tensor) -> Pair:
    trunk = visual.trunk
    features = trunk.forward_features(pixels)
    pooled = visual.head(trunk.forward_head(features))
    if features.ndim == 4 or getattr(trunk, "attn_pool", None) is not None:
        # A feature map's place for channels differs from network to network; and where attention pools, no projection
        # leads from patches to vectors, even if they are of one width, as SigLIP's.
        return pooled, pooled[:, None]
    tokens = features[:, getattr(trunk, "num_prefix_tokens", 0) :]
    for part in ("fc_norm", "head"):  # where the mean is pooled, the last norm comes after it
        tokens = _projected(getattr(trunk, part, None), tokens)
    return pooled, _projected(visual.head, tokens)


def _see_resnet(visual: ModifiedResNet, pixels: torch.Tensor) -> Pair:
    cells = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(pixels)))))
    pool = visual.attnpool
    return pool(cells), pool.c_proj(pool.v_proj(cells.flatten(2).transpose(1, 2)))


def _read(text: nn.Module, ids: torch.Tensor) -> Pair:
    if isinstance(text, CLIP):
        return _read_clip(text, ids)
    if isinstance(text, TextTransformer):
        return _read_transformer(text, ids)
    if isinstance(text, HFTextEncoder):
        return _read_hf(text, ids)
    pooled = _pooled(text, ids)
    return pooled, pooled[:, None].expand(-1, ids.shape[1], -1)


def _pooled(tower: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """Take the vectors alone of a tower whose parts are not known here."""
    said = tower(batch)
    return cast("torch.Tensor", said[0] if isinstance(said, tuple) else said)


def _read_clip(text: CLIP, ids: torch.Tensor) -> Pair:
    length = ids.shape[1]
    dtype = text.transformer.get_cast_dtype()
    states = text.token_embedding(ids).to(dtype) + text.positional_embedding[:length].to(dtype)
    mask = None if text.attn_mask is None else text.attn_mask[:length, :length]
    tokens = _project(text.text_projection, text.ln_final(text.transformer(states, attn_mask=mask)))
    # All states are projected, then one is chosen: the product of a few rows alone would have other bits.
    return text_global_pool(tokens, ids, text.text_pool_type, eos_token_id=getattr(text, "text_eos_id", None)), tokens


def _read_transformer(text: TextTransformer, ids: torch.Tensor) -> Pair:
    states, mask = text._embeds(ids)  # noqa: SLF001 - its own part
    length = states.shape[1]
    if mask is not None and mask.shape[-1] != length:
        mask = mask[..., :length, :length]
    states = text.transformer(states, attn_mask=mask)
    if text.cls_emb is not None:
        pooled, states = text.ln_final(states[:, -1]), text.ln_final(states[:, :-1])
        return _project(text.text_projection, pooled), _project(text.text_projection, states)
    tokens = _project(text.text_projection, text.ln_final(states))
    return text_global_pool(tokens, ids, text.pool_type, eos_token_id=getattr(text, "eos_id", None)), tokens


def _read_hf(text: HFTextEncoder, ids: torch.Tensor) -> Pair:
    mask = (ids != text.config.pad_token_id).long()
    out = text.transformer(input_ids=ids, attention_mask=mask)
    pooled = text.proj(text.pooler(out, mask))
    tokens = text.proj(out.last_hidden_state)
    # The pooled state of BERT's own pooler is in another space than the states: then they do not fit, and are left out.
    bert_pooled = isinstance(text.pooler, ClsPooler) and getattr(out, "pooler_output", None) is not None
    return pooled, pooled[:, None].expand(-1, ids.shape[1], -1) if bert_pooled else tokens


def _project(projection: nn.Module | torch.Tensor | None, states: torch.Tensor) -> torch.Tensor:
    if projection is None:
        return states
    return projection(states) if isinstance(projection, nn.Module) else states @ projection


def _projected(module: nn.Module | None, tokens: torch.Tensor) -> torch.Tensor:
    """Apply a norm or a projection of vectors to tokens, where there is one and it takes their width."""
    if module is None:
        return tokens
    first = next((layer for layer in module.modules() if isinstance(layer, nn.Linear)), None)
    fits = first is None or first.in_features == tokens.shape[-1]
    return cast("torch.Tensor", module(tokens)) if fits else tokens


def _fitting(tokens: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
    """Take the vector itself as every token where the tokens are not of its space's width."""
    if tokens.shape[-1] == pooled.shape[-1]:
        return tokens
    return pooled[:, None].expand(-1, tokens.shape[1], -1)


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    return functional.normalize(vectors.float(), dim=-1)
